-- Which tasks were done late or are still open past their deadline? Empty closed_at: still open.
with

tasks as (

    select * from {{ ref('int_finding_tasks') }}
    where is_overdue

),

employees as (

    select * from {{ ref('dim_employees') }}

),

listed as (

    select
        tasks.task_id,
        employees.employee_name,
        tasks.created_at,
        tasks.deadline_at,
        tasks.closed_at

    from tasks

    left join employees
        on tasks.employee_id = employees.employee_id

)

select * from listed
order by employee_name, deadline_at, task_id
