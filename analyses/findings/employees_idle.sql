-- Which employees have open work and do nothing in the CRM, and since when?
with

employees as (

    select * from {{ ref('int_finding_employees') }}
    where is_idle

),

listed as (

    select
        employee_id,
        employee_name,
        open_items,
        oldest_created_at,
        last_acted_at

    from employees

)

select * from listed
order by last_acted_at nulls first, employee_id
