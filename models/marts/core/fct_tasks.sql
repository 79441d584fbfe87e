with

settings as (

    select * from {{ ref('int_run_settings') }}

),

tasks as (

    select * from {{ ref('stg_bitrix24__tasks') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

final as (

    select
        tasks.task_id,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        tasks.task_status,
        tasks.created_at,
        cast({{ to_local('tasks.created_at') }} as date) as created_date,
        {{ local_hour('tasks.created_at') }} as created_hour,
        tasks.deadline_at,
        cast({{ to_local('tasks.deadline_at') }} as date) as deadline_date,
        {{ local_hour('tasks.deadline_at') }} as deadline_hour,
        tasks.closed_at,
        cast({{ to_local('tasks.closed_at') }} as date) as closed_date,
        {{ local_hour('tasks.closed_at') }} as closed_hour,
        case
            when tasks.deadline_at < settings.data_end_at
                then coalesce(tasks.closed_at <= tasks.deadline_at, false)
        end as is_done_in_time

    from tasks

    cross join settings

    left join employees
        on tasks.employee_id = employees.employee_id

)

select * from final
