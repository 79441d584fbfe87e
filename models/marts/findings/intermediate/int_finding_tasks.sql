with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

tasks as (

    select * from {{ ref('stg_bitrix24__tasks') }}

),

due_tasks as (

    select
        tasks.task_id,
        tasks.employee_id,
        tasks.task_status,
        tasks.created_at,
        tasks.deadline_at,
        case when tasks.closed_at < finding_window.data_end_at then tasks.closed_at end as closed_at

    from tasks

    inner join finding_window
        on
            tasks.deadline_at >= finding_window.window_start_at
            and tasks.deadline_at <= finding_window.as_of_at
            and tasks.created_at < finding_window.data_end_at

),

final as (

    select
        task_id,
        coalesce(employee_id, 'unknown') as employee_id,
        created_at,
        deadline_at,
        closed_at,
        case
            when closed_at is not null then closed_at > deadline_at
            -- done without a time, handed over for control, put off: nobody can say
            when task_status in ('2', '3') then true
        end as is_overdue

    from due_tasks

)

select * from final
