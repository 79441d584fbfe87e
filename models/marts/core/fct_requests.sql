with

requests as (

    select * from {{ ref('int_requests') }}

),

working_times as (

    select * from {{ ref('int_request_working_times') }}

),

final as (

    select
        requests.request_id,
        requests.thread_id,
        requests.request_channel,
        requests.channel_id,
        requests.employee_id,
        requests.requested_at,
        requests.requested_date,
        requests.responded_at,
        cast(requests.response_microseconds as {{ type_double() }}) / 60000000 as response_minutes,
        cast(working_times.response_working_microseconds as {{ type_double() }}) / 60000000
            as response_working_minutes

    from requests

    inner join working_times
        on requests.request_id = working_times.request_id

)

select * from final
