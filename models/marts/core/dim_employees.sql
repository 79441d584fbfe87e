with

employees as (

    select
        employee_id,
        employee_name,
        work_position,
        is_active

    from {{ ref('int_employees') }}

)

select * from employees
