-- Which open work belongs to people who have left?
with

open_work as (

    select * from {{ ref('int_finding_open_work') }}
    where is_of_dismissed_employee

),

employees as (

    select * from {{ ref('dim_employees') }}

),

listed as (

    select
        employees.employee_name,
        open_work.entity_type,
        open_work.entity_id,
        open_work.created_at

    from open_work

    left join employees
        on open_work.employee_id = employees.employee_id

)

select * from listed
order by employee_name, entity_type, created_at, entity_id
