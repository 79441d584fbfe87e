{%- set chat_statuses = var('chat_result_statuses') -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

activities as (

    select
        *,
        -- keys of their own: joined on a key and a condition of one side, each pair of rows would
        -- be looked at
        case when owner_type_id = '2' then owner_id end as deal_id,
        case when owner_type_id = '3' then owner_id end as contact_id

    from {{ ref('stg_bitrix24__activities') }}

    where created_at < (select settings.data_end_at from settings)

),

messages as (

    select * from {{ ref('stg_bitrix24__openline_messages') }}

),

calls as (

    select
        *,
        -- a robot's announcement is no talk
        coalesce(result_code = '200', duration_seconds > 0, false)
        and coalesce(call_type, '') <> '5' as is_connected

    from {{ ref('stg_bitrix24__calls') }}

    where started_at < (select settings.data_end_at from settings)

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}
    where created_at < (select settings.data_end_at from settings)

),

contacts as (

    select * from {{ ref('stg_bitrix24__contacts') }}

),

users as (

    select * from {{ ref('stg_bitrix24__users') }}

),

call_legs as (

    select
        activity_id,
        employee_id,
        started_at,
        is_connected,
        row_number() over (
            partition by activity_id, is_connected
            order by started_at, length(call_id), call_id
        ) as leg_number

    from calls

    where activity_id is not null

),

-- a redirected call has several legs: it began with the first, and one that connected is enough
calls_by_activity as (

    select
        activity_id,
        min(started_at) as started_at,
        max(case when is_connected then 1 else 0 end) = 1 as is_connected,
        max(case when is_connected and leg_number = 1 then employee_id end) as employee_id

    from call_legs

    group by activity_id

),

sessions_with_messages as (

    select distinct session_id from messages

),

with_owner as (

    select
        activities.activity_id,
        activities.owner_type_id,
        activities.owner_id,
        case activities.owner_type_id
            when '1' then 'lead_' || activities.owner_id
            when '2' then coalesce('lead_' || deals.lead_id, 'deal_' || activities.owner_id)
            when
                '3'
                then
                    'client_'
                    || coalesce(
                        'company_' || contacts.company_id, 'contact_' || activities.owner_id
                    )
            when '4' then 'client_company_' || activities.owner_id
        end as thread_id,
        case
            when activities.activity_type = '2' then 'call'
            when activities.activity_type = '4' then 'email'
            when activities.provider_id = 'CRM_WEBFORM' then 'form'
            -- a plan or a task of the employee's own is no message, whatever direction it carries
            when activities.provider_id in ('CRM_TODO', 'CRM_TASKS_TASK') then 'other'
            when activities.activity_type = '6' and activities.direction in ('1', '2') then 'chat'
            when activities.activity_type = '6' and activities.is_incoming_channel then 'chat'
            else 'other'
        end as kind,
        coalesce(activities.provider_id = 'IMOPENLINES_SESSION', false) as is_of_open_line,
        sessions_with_messages.session_id is not null as has_messages,
        activities.chat_session_id,
        activities.chat_status,
        activities.chat_connector,
        activities.direction,
        coalesce(activities.direction, '0') in ('1', '2')
        and coalesce(activities.provider_id, '') not in ('CRM_TODO', 'CRM_TASKS_TASK')
            as is_directed,
        coalesce(activities.direction, '0') = '1' as is_incoming,
        coalesce(activities.is_incoming_channel, false) as is_incoming_channel,
        coalesce(activities.is_completed, false) as is_completed,
        activities.created_at,
        case
            when activities.activity_type = '2' and calls_by_activity.activity_id is not null
                then calls_by_activity.started_at
            when activities.activity_type in ('1', '2', '4')
                then coalesce(activities.started_at, activities.created_at)
            else activities.created_at
        end as happened_at,
        coalesce(calls_by_activity.is_connected, activities.is_completed, false) as is_connected,
        calls_by_activity.employee_id as call_employee_id,
        calls_by_activity.activity_id is not null as has_call_record,
        activities.responsible_id,
        activities.author_id,
        coalesce(authors.user_type = 'bot', false) as is_author_bot,
        coalesce(responsibles.user_type = 'bot', false) as is_responsible_bot

    from activities

    left join calls_by_activity
        on activities.activity_id = calls_by_activity.activity_id

    left join sessions_with_messages
        on activities.chat_session_id = sessions_with_messages.session_id

    left join deals
        on activities.deal_id = deals.deal_id

    left join contacts
        on activities.contact_id = contacts.contact_id

    left join users as authors
        on activities.author_id = authors.employee_id

    left join users as responsibles
        on activities.responsible_id = responsibles.employee_id

),

-- a plan for a time after as_of is known, and has not happened
with_actor as (

    select
        with_owner.*,
        with_owner.happened_at < settings.data_end_at as has_happened,
        -- the author acted, where known; a call that came in was taken by the one responsible
        case
            when
                with_owner.kind = 'call'
                and with_owner.is_incoming
                and with_owner.responsible_id is not null
                then not with_owner.is_responsible_bot
            when
                with_owner.kind = 'call' and with_owner.is_incoming
                then not with_owner.is_author_bot
            when with_owner.author_id = '0' then false
            when with_owner.author_id is not null then not with_owner.is_author_bot
            else not with_owner.is_responsible_bot
        end as is_by_person,
        coalesce(
            case when with_owner.is_connected then with_owner.call_employee_id end,
            with_owner.responsible_id,
            nullif(with_owner.author_id, '0'),
            'unknown'
        ) as actor_id,
        with_owner.kind = 'chat' and with_owner.is_of_open_line as is_dialogue,
        case with_owner.kind
            when 'form' then coalesce(with_owner.direction, '0') <> '2'
            when
                'chat'
                then
                    with_owner.is_incoming
                    or (
                        with_owner.is_incoming_channel
                        and coalesce(with_owner.direction, '0') <> '2'
                    )
            when 'other' then false
            else with_owner.is_incoming
        end as is_from_client

    from with_owner

    cross join settings

),

-- Bitrix24 keeps a dialogue as one activity, whose answers are inside. Where its messages were
-- not loaded, all that is known is the state of the chat
with_dialogues as (

    select
        *,
        is_dialogue and has_messages as is_told_by_messages,
        case
            when not (is_dialogue and is_from_client and has_happened) or has_messages
                then 'no_silent_chat'
            when chat_status in ('{{ chat_statuses.answered | join("', '") }}') then 'answered'
            when chat_status in ('{{ chat_statuses.unanswered | join("', '") }}') then 'unanswered'
            else 'unknown'
        end as silent_chat

    from with_actor

),

dialogues as (

    select
        *,
        row_number() over (
            partition by chat_session_id
            order by cast(activity_id as bigint)
        ) as session_number

    from with_dialogues

    where is_told_by_messages

),

dialogue_messages as (

    select
        messages.message_id,
        messages.sent_at,
        messages.sender_id,
        dialogues.activity_id,
        dialogues.thread_id,
        dialogues.owner_type_id,
        dialogues.owner_id,
        dialogues.chat_connector,
        coalesce(dialogues.responsible_id, 'unknown') as responsible_id,
        -- an operator's account can be a bot's
        case
            when messages.sender_kind = 'operator' and senders.user_type = 'bot' then 'bot'
            when messages.sender_kind in ('client', 'operator', 'bot', 'system')
                then messages.sender_kind
            else 'unknown'
        end as sender_kind

    from messages

    inner join dialogues
        on
            messages.session_id = dialogues.chat_session_id
            and dialogues.session_number = 1

    inner join settings
        on messages.sent_at < settings.data_end_at

    left join users as senders
        on messages.sender_id = senders.employee_id

),

final as (

    select
        'activity_' || activity_id as act_id,
        activity_id,
        cast(null as {{ dbt.type_string() }}) as message_id,
        thread_id,
        owner_type_id,
        owner_id,
        kind,
        created_at,
        case when has_happened then happened_at end as happened_at,
        case when has_happened then cast({{ to_local('happened_at') }} as date) end
            as happened_date,
        is_incoming,
        has_happened and is_from_client and not is_told_by_messages as is_touch,
        (
            has_happened
            and is_by_person
            and case kind
                when 'call' then coalesce(direction, '0') in ('1', '2') and is_connected
                when 'form' then false
                when 'other' then false
                else coalesce(direction, '0') = '2' and is_completed and not is_dialogue
            end
        )
        or silent_chat = 'answered' as is_response,
        silent_chat = 'answered' as is_response_untimed,
        silent_chat = 'unknown' as is_response_unknown,
        has_happened
        and kind in ('email', 'chat')
        and coalesce(direction, '0') = '2'
        and is_completed
        and not is_dialogue as is_mailing,
        has_happened and is_directed as is_directed,
        is_by_person,
        has_call_record,
        actor_id,
        coalesce(author_id, responsible_id, 'unknown') as creator_id,
        coalesce(responsible_id, 'unknown') as responsible_id,
        case when is_dialogue then chat_connector end as chat_connector

    from with_dialogues

    union all

    select
        'message_' || message_id as act_id,
        activity_id,
        message_id,
        thread_id,
        owner_type_id,
        owner_id,
        'chat' as kind,
        sent_at as created_at,
        sent_at as happened_at,
        cast({{ to_local('sent_at') }} as date) as happened_date,
        sender_kind = 'client' as is_incoming,
        sender_kind = 'client' as is_touch,
        sender_kind = 'operator' as is_response,
        false as is_response_untimed,
        sender_kind = 'unknown' as is_response_unknown,
        sender_kind in ('operator', 'bot') as is_mailing,
        sender_kind in ('client', 'operator', 'bot') as is_directed,
        sender_kind in ('client', 'operator') as is_by_person,
        false as has_call_record,
        case
            when sender_kind = 'operator' then coalesce(sender_id, responsible_id)
            else responsible_id
        end as actor_id,
        coalesce(sender_id, 'unknown') as creator_id,
        responsible_id,
        chat_connector

    from dialogue_messages

)

select * from final
