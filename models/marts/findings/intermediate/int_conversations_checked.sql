with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

requests as (

    select * from {{ ref('fct_requests') }}

),

call_activities as (

    select * from {{ ref('int_thread_activities') }}
    where kind = 'call'

),

recorded_calls as (

    select distinct activity_id from {{ ref('fct_calls') }}
    where activity_id is not null

),

employees as (

    select * from {{ ref('dim_employees') }}

),

judged_requests as (

    select
        'request' as entity_type,
        requests.request_id as entity_id,
        requests.employee_id,
        requests.requested_at as happened_at,
        requests.request_channel as note,
        requests.answer_status = 'unanswered' as is_unanswered,
        cast(null as boolean) as is_unrecorded

    from requests

    inner join finding_window
        on
            requests.requested_at >= finding_window.window_start_at
            and requests.requested_at
            <= {{ dbt.dateadd(
                'hour',
                -var('finding_unanswered_hours'),
                'finding_window.as_of_at'
            ) }}
            -- nobody can say whether those chats were answered
            and requests.answer_status <> 'unknown'

),

judged_calls as (

    select
        'activity' as entity_type,
        call_activities.activity_id as entity_id,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        call_activities.created_at as happened_at,
        case when call_activities.is_incoming then 'incoming' else 'outgoing' end as note,
        cast(null as boolean) as is_unanswered,
        recorded_calls.activity_id is null as is_unrecorded

    from call_activities

    inner join finding_window
        on call_activities.created_at >= finding_window.window_start_at

    left join recorded_calls
        on call_activities.activity_id = recorded_calls.activity_id

    left join employees
        on call_activities.creator_id = employees.employee_id

),

conversations as (

    select * from judged_requests
    union all
    select * from judged_calls

),

final as (

    select
        entity_type || '|' || entity_id as conversation_key,
        entity_type,
        entity_id,
        employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        happened_at,
        cast(null as numeric(28, 6)) as amount,
        note,
        is_unanswered,
        is_unrecorded

    from conversations

)

select * from final
