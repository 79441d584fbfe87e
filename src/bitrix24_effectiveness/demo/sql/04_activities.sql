-- Activities of the cases with case_no in [chunk_from, chunk_to). Run once a chunk, so that
-- memory does not grow with the portal. activity_id = case_no * 64 + slot.

create or replace temp table chunk_cases as
select
    plan_cases.*,
    plan_clients.client_id,
    coalesce(ended_at, started_at + 30 * 86400) as worked_to,
    case
        when is_backfilled then 0
        when is_deal then 5 + cast(floor(8 * uniform(case_key, 110)) as integer)
        when not is_answered then 0
        else 2 + cast(floor(4 * uniform(case_key, 110)) as integer)
    end as follow_ups

from plan_cases

left join plan_clients
    on plan_cases.client_no = plan_clients.client_no

where case_no >= getvariable('chunk_from') and case_no < getvariable('chunk_to');

create or replace temp table chunk_follow_ups as
with

placed as (

    select
        case_no,
        case_key,
        follow_up_no,
        follow_ups,
        case_key * 16 + follow_up_no as act_key,
        to_working_time(
            cast(
                responded_at + 600
                + (worked_to - responded_at)
                * (follow_up_no + uniform(case_key * 16 + follow_up_no, 111)) / follow_ups
                as bigint
            )
        ) as happened_at

    from chunk_cases

    cross join range(13) as numbers (follow_up_no)

    where follow_up_no < follow_ups and responded_at is not null

),

drawn as (

    select
        *,
        uniform(act_key, 112) as kind_draw

    from placed

),

kinds as (

    select
        *,
        case
            when kind_draw < 0.36 then 'call'
            when kind_draw < 0.52 then 'email'
            when kind_draw < 0.58 then 'meeting'
            when kind_draw < 0.66 then 'task'
            when kind_draw < 0.74 then 'sms'
            when kind_draw < 0.84 then 'email'
            when kind_draw < 0.91 then 'chat'
            else 'call'
        end as kind,
        case
            when kind_draw < 0.52 then 2
            when kind_draw < 0.66 then 0
            when kind_draw < 0.74 then 2
            else 1
        end as direction,
        kind_draw >= 0.66 and kind_draw < 0.74 as is_robot

    from drawn

)

select
    *,
    case
        when kind <> 'call' then false
        when direction = 2 then uniform(act_key, 113) < 0.68
        else uniform(act_key, 113) < planted(0.78, 0.92, happened_at)
    end as is_connected,
    case
        -- only the last word of a client stays without an answer: an earlier one would be answered
        -- days later by whatever the manager does next
        when direction = 1 and (
            follow_up_no < follow_ups - 1
            or uniform(act_key, 114) < planted(0.78, 0.93, happened_at)
        ) then answered_at(happened_at, act_key, 120)
    end as replied_at

from kinds;

-- clients write and call after the purchase as well; those acts belong to the client's card
create or replace temp table chunk_after_sales as
select
    case_no,
    case_key,
    case_key * 16 + 15 as act_key,
    touched_at,
    kind,
    kind = 'call' and uniform(case_key, 132) < planted(0.78, 0.92, touched_at) as is_connected,
    case
        when uniform(case_key, 133) < planted(0.93, 0.98, touched_at)
            then answered_at(touched_at, case_key, 135)
    end as replied_at

from (
    select
        case_no,
        case_key,
        to_working_time(
            cast(ended_at + 86400 * lognormal(15, 0.6, case_key, 130) as bigint)
        ) as touched_at,
        case when uniform(case_key, 131) < 0.5 then 'email' else 'call' end as kind

    from chunk_cases

    where
        deal_outcome = 'won'
        and client_id is not null
        and not is_without_client
        and uniform(case_key, 134) < 0.5
);

create or replace temp table chunk_acts as
with

acts as (

    -- 0: the client reaches out
    select
        case_no,
        0 as slot,
        touch_kind as kind,
        1 as direction,
        started_at as happened_at,
        is_picked_up as is_connected,
        false as is_robot,
        'case' as owner
    from chunk_cases
    where touch_kind in ('call', 'email', 'form', 'chat') and not is_backfilled

    union all

    -- 1: the first answer of a person
    select
        case_no,
        1 as slot,
        case
            when touch_kind in ('email', 'chat') then touch_kind
            when uniform(case_key, 140) < 0.75 then 'call'
            else 'email'
        end as kind,
        2 as direction,
        responded_at as happened_at,
        true as is_connected,
        false as is_robot,
        'case' as owner
    from chunk_cases
    where responded_at is not null and not is_picked_up and not is_backfilled

    union all

    -- 2: an earlier attempt that did not get through
    select
        case_no,
        2 as slot,
        'call' as kind,
        2 as direction,
        case
            when responded_at is null then to_working_time(started_at + 7200)
            else started_at + cast(0.5 * (responded_at - started_at) as bigint)
        end as happened_at,
        false as is_connected,
        false as is_robot,
        'case' as owner
    from chunk_cases
    where
        touch_kind <> 'none'
        and not is_picked_up
        and lead_outcome not in ('ignored', 'spam', 'test')
        and uniform(case_key, 141) < 0.22

    union all

    -- 3: the robot's confirmation, which is no answer
    select
        case_no,
        3 as slot,
        case when touch_kind = 'chat' then 'chat' else 'sms' end as kind,
        2 as direction,
        started_at + 25 as happened_at,
        true as is_connected,
        true as is_robot,
        'case' as owner
    from chunk_cases
    where not is_backfilled and uniform(case_key, 142) < planted(0.12, 0.85, started_at)

    union all

    -- 4: a planned to-do
    select
        case_no,
        4 as slot,
        'todo' as kind,
        0 as direction,
        coalesce(responded_at, started_at) + 120 as happened_at,
        uniform(case_key, 143) < 0.85 as is_connected,
        false as is_robot,
        'case' as owner
    from chunk_cases
    where not is_backfilled and not is_neglected and uniform(case_key, 144) < 0.75

    union all

    -- 5: mailings by robots about the state of the order
    select
        case_no,
        5 as slot,
        'email' as kind,
        2 as direction,
        deal_created_at + 90 as happened_at,
        true as is_connected,
        true as is_robot,
        'case' as owner
    from chunk_cases
    where
        is_deal
        and not is_backfilled
        and uniform(case_key, 145) < planted(0.15, 0.80, deal_created_at)

    union all

    -- 16..28: the work on the case
    select
        case_no,
        16 + follow_up_no as slot,
        kind,
        direction,
        happened_at,
        is_connected,
        is_robot,
        'case' as owner
    from chunk_follow_ups

    union all

    -- 32..44: answers to what the client asked meanwhile
    select
        case_no,
        32 + follow_up_no as slot,
        kind,
        2 as direction,
        replied_at as happened_at,
        true as is_connected,
        false as is_robot,
        'case' as owner
    from chunk_follow_ups
    where direction = 1 and not is_connected and replied_at is not null

    union all

    -- 48, 49: after the purchase
    select
        case_no,
        48 as slot,
        kind,
        1 as direction,
        touched_at as happened_at,
        is_connected,
        false as is_robot,
        'client' as owner
    from chunk_after_sales

    union all

    select
        case_no,
        49 as slot,
        kind,
        2 as direction,
        replied_at as happened_at,
        true as is_connected,
        false as is_robot,
        'client' as owner
    from chunk_after_sales
    where not is_connected and replied_at is not null

)

select
    acts.case_no * 64 + acts.slot as activity_id,
    acts.slot,
    acts.kind,
    acts.direction,
    acts.happened_at,
    acts.is_connected,
    acts.is_robot,
    case
        when acts.owner = 'client' then case when cases.is_company then 4 else 3 end
        when cases.is_lead and acts.happened_at < coalesce(
            case when cases.deal_id is not null then cases.deal_created_at end,
            getvariable('end_second')
        ) then 1
        else 2
    end as owner_type_id,
    case
        when acts.owner = 'client'
            then case when cases.is_company then cases.client_id else cases.client_id * 2 end
        when cases.is_lead and acts.happened_at < coalesce(
            case when cases.deal_id is not null then cases.deal_created_at end,
            getvariable('end_second')
        ) then cases.lead_id
        else cases.deal_id
    end as owner_id,
    -- a colleague stands in now and then
    case
        when uniform(acts.case_no * 64 + acts.slot, 150) < 0.06 then 18
        else cases.employee_id
    end as employee_id,
    case
        when acts.kind = 'call' and acts.is_connected
            then 20 + cast(lognormal(170, 0.8, acts.case_no * 64 + acts.slot, 151) as bigint)
        else 0
    end as duration,
    -- a private phone: the call is on the card, the telephony knows nothing of it
    acts.kind = 'call'
    and uniform(acts.case_no * 64 + acts.slot, 152) >= 0.04
    and not (acts.direction = 2 and calls_privately(cases.employee_id)) as is_in_telephony,
    case cases.source_id
        when '1|TELEGRAM' then 'telegrambot'
        when '2|WHATSAPP' then 'whatsappbyedna'
        when 'UC_AVITO' then 'avito'
        else 'livechat'
    end as connector,
    -- what is said in a chat belongs to the activity with which the client began it
    acts.case_no * 64 + case
        when acts.direction = 1 then acts.slot
        when acts.slot < 16 then 0
        else acts.slot - 16
    end as chat_activity_id

from acts

inner join chunk_cases as cases
    on acts.case_no = cases.case_no

where
    acts.happened_at < getvariable('end_second') - 60
    and (cases.is_lead or cases.deal_id is not null);

-- A chat is one activity, whatever is said in it: a session of the open lines.
create or replace temp table chunk_chats as
select
    chat_activity_id,
    chat_activity_id * 2 + 1 as session_id,
    min(happened_at) filter (where direction = 1) as began_at,
    max(happened_at) as last_said_at,
    bool_or(direction = 2 and not is_robot) as is_answered

from chunk_acts

where kind = 'chat'

group by chat_activity_id;

-- ids: 8 to a session
insert into bitrix24.openline_message
with

messages as (

    -- the portal's own note that a dialogue began
    select
        session_id * 8 as id,
        session_id,
        '0' as sender_id,
        'system' as sender_kind,
        began_at as sent_at
    from chunk_chats

    union all

    select
        chats.session_id * 8
        + case when acts.direction = 1 then 1 when acts.is_robot then 2 else 4 end as id,
        chats.session_id,
        case
            when acts.direction = 1 then cast(1000 + acts.chat_activity_id // 64 as varchar)
            when acts.is_robot then '90'
            else cast(acts.employee_id as varchar)
        end as sender_id,
        case
            when acts.direction = 1 then 'client'
            when acts.is_robot then 'bot'
            else 'operator'
        end as sender_kind,
        acts.happened_at as sent_at
    from chunk_acts as acts
    inner join chunk_chats as chats
        on acts.chat_activity_id = chats.chat_activity_id
    where acts.kind = 'chat'

    union all

    -- half of the clients write again before they are answered
    select
        chats.session_id * 8 + 3 as id,
        chats.session_id,
        cast(1000 + chats.chat_activity_id // 64 as varchar) as sender_id,
        'client' as sender_kind,
        chats.began_at + 40 as sent_at
    from chunk_chats as chats
    where
        chats.is_answered
        and chats.began_at + 40 < chats.last_said_at
        and uniform(chats.chat_activity_id, 153) < 0.5

)

select
    cast(id as varchar) as id,
    cast(session_id as varchar) as session_id,
    sender_id,
    sender_kind,
    as_text(sent_at) as sent_at

from messages;

insert into bitrix24.crm_activity
select
    cast(activity_id as varchar) as id,
    cast(owner_id as varchar) as owner_id,
    cast(owner_type_id as varchar) as owner_type_id,
    case kind
        when 'meeting' then '1'
        when 'call' then '2'
        when 'task' then '3'
        when 'email' then '4'
        else '6'
    end as type_id,
    case kind
        when 'meeting' then 'CRM_MEETING'
        when 'call' then 'VOXIMPLANT_CALL'
        when 'task' then 'CRM_TASKS_TASK'
        when 'email' then 'CRM_EMAIL'
        when 'form' then 'CRM_WEBFORM'
        when 'chat' then 'IMOPENLINES_SESSION'
        when 'sms' then 'CRM_SMS'
        else 'CRM_TODO'
    end as provider_id,
    case kind
        when 'call' then 'CALL'
        when 'email' then 'EMAIL'
        when 'todo' then 'TODO'
        when 'meeting' then 'MEETING'
        else ''
    end as provider_type_id,
    cast(direction as varchar) as direction,
    as_text(happened_at) as created,
    as_text(happened_at) as start_time,
    as_text(
        greatest(
            happened_at + greatest(duration, case kind when 'meeting' then 3600 else 0 end),
            chats.last_said_at
        )
    ) as end_time,
    case
        when kind in ('todo', 'task', 'meeting') then as_text(happened_at + 86400)
        else ''
    end as deadline,
    as_text(
        least(
            greatest(
                happened_at + duration + case when kind in ('todo', 'task') then 7200 else 0 end,
                chats.last_said_at
            ),
            getvariable('end_second') - 1
        )
    ) as last_updated,
    flag(
        case
            when kind = 'call' then is_connected
            when kind = 'todo' then is_connected
            else true
        end
    ) as completed,
    cast(employee_id as varchar) as responsible_id,
    case when is_robot then '0' else cast(employee_id as varchar) end as author_id,
    flag(direction = 1 and kind in ('call', 'email', 'chat')) as is_incoming_channel,
    case when chats.is_answered then '1' when kind = 'chat' then '2' else '0' end
        as result_status,
    coalesce(cast(chats.session_id as varchar), '0') as associated_entity_id,
    case when kind = 'chat' then connector else '' end as result_source_id

from chunk_acts

left join chunk_chats as chats
    on chunk_acts.activity_id = chats.chat_activity_id

where kind <> 'chat' or direction = 1;

insert into bitrix24.telephony_call
select
    cast(activity_id as varchar) as id,
    case
        when direction = 1 and activity_id % 23 = 0 then '3'
        when direction = 1 then '2'
        when activity_id % 31 = 0 then '4'
        else '1'
    end as call_type,
    cast(duration as varchar) as call_duration,
    as_text(happened_at) as call_start_date,
    case
        when is_connected then '200'
        when direction = 1 then '304'
        else list_extract(['603', '603-S', '486', '480'], cast(activity_id % 4 + 1 as integer))
    end as call_failed_code,
    case when is_connected or direction = 2 then cast(employee_id as varchar) else '0' end
        as portal_user_id,
    list_extract(['LEAD', 'DEAL', 'CONTACT', 'COMPANY'], owner_type_id) as crm_entity_type,
    cast(owner_id as varchar) as crm_entity_id,
    cast(activity_id as varchar) as crm_activity_id

from chunk_acts

where is_in_telephony;

-- what was planned of requests, for the truth beside the portal
insert into plan_requests
select
    started_at,
    responded_at
from chunk_cases
where
    touch_kind <> 'none'
    and not is_backfilled
    and (touch_kind <> 'creation' or lead_outcome not in ('spam', 'duplicate', 'test'))

union all

select
    happened_at,
    case when is_connected then happened_at else replied_at end
from chunk_follow_ups
where direction = 1

union all

select
    touched_at,
    case when is_connected then touched_at else replied_at end
from chunk_after_sales;


-- calls of which the telephony knows no card: private and wrong numbers
insert into bitrix24.telephony_call
select
    cast(activity_id + 8 as varchar) as id,
    '2' as call_type,
    '0' as call_duration,
    as_text(happened_at) as call_start_date,
    '304' as call_failed_code,
    '0' as portal_user_id,
    '' as crm_entity_type,
    '0' as crm_entity_id,
    '0' as crm_activity_id

from chunk_acts

where slot = 0 and kind = 'call' and uniform(activity_id, 160) < 0.02;
