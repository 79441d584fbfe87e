with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

requests as (

    select * from {{ ref('fct_requests') }}

),

final as (

    select
        requests.request_id,
        requests.thread_id,
        requests.request_channel,
        requests.employee_id,
        requests.requested_at,
        requests.responded_at is null as is_unanswered

    from requests

    inner join finding_window
        on
            requests.requested_at >= finding_window.window_start_at
            and requests.requested_at
            <= {{ dbt.dateadd('hour', -var('finding_unanswered_hours'), 'finding_window.as_of_at') }}

)

select * from final
