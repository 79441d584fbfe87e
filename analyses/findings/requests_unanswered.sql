-- Which requests has nobody answered? Answer them, the newest first.
with

requests as (

    select * from {{ ref('int_finding_requests') }}
    where is_unanswered

),

employees as (

    select * from {{ ref('dim_employees') }}

),

listed as (

    select
        requests.request_id,
        requests.thread_id,
        requests.request_channel,
        employees.employee_name,
        requests.requested_at

    from requests

    left join employees
        on requests.employee_id = employees.employee_id

)

select * from listed
order by requested_at desc, request_id asc
