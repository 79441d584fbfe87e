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
        ) as actor_id

    from with_owner

    cross join settings

),

final as (

    select
        activity_id,
        thread_id,
        owner_type_id,
        owner_id,
        kind,
        created_at,
        case when has_happened then happened_at end as happened_at,
        is_incoming,
        has_happened
        and case kind
            when 'form' then coalesce(direction, '0') <> '2'
            when
                'chat'
                then is_incoming or (is_incoming_channel and coalesce(direction, '0') <> '2')
            when 'other' then false
            else is_incoming
        end as is_touch,
        has_happened
        and is_by_person
        and case kind
            when 'call' then coalesce(direction, '0') in ('1', '2') and is_connected
            when 'form' then false
            when 'other' then false
            else coalesce(direction, '0') = '2' and is_completed
        end as is_response,
        has_happened
        and kind in ('email', 'chat')
        and coalesce(direction, '0') = '2'
        and is_completed as is_mailing,
        has_happened and is_directed as is_directed,
        is_by_person,
        has_call_record,
        actor_id,
        coalesce(author_id, responsible_id, 'unknown') as creator_id,
        coalesce(responsible_id, 'unknown') as responsible_id

    from with_actor

)

select * from final
