-- Which calls does the telephony know nothing of, and who made them?
with

activities as (

    select * from {{ ref('int_finding_activities') }}
    where is_not_connected_call

),

employees as (

    select * from {{ ref('dim_employees') }}

),

listed as (

    select
        activities.activity_id,
        activities.owner_type_id,
        activities.owner_id,
        employees.employee_name,
        activities.is_incoming,
        activities.created_at

    from activities

    left join employees
        on activities.employee_id = employees.employee_id

)

select * from listed
order by employee_name, created_at, activity_id
