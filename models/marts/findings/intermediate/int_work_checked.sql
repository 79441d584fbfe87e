with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}
    where state = 'open' and source is distinct from 'journal'

),

leads as (

    select * from {{ ref('fct_leads') }}
    where outcome = 'open'

),

tasks as (

    select * from {{ ref('fct_tasks') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

known_tasks as (

    select
        tasks.task_id,
        tasks.employee_id,
        tasks.created_at,
        tasks.deadline_at,
        case when tasks.closed_at < finding_window.data_end_at then tasks.closed_at end
            as closed_at,
        coalesce(tasks.task_status in ('2', '3'), false) as is_open,
        coalesce(
            tasks.deadline_at between finding_window.window_start_at and finding_window.as_of_at,
            false
        ) as is_due

    from tasks

    inner join finding_window
        on tasks.created_at < finding_window.data_end_at

),

work as (

    select
        'deal' as entity_type,
        deal_id as entity_id,
        employee_id,
        pipeline_id,
        created_at,
        created_at as happened_at,
        amount,
        true as is_open,
        cast(null as boolean) as is_overdue

    from deals

    union all

    select
        'lead' as entity_type,
        lead_id as entity_id,
        employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        created_at,
        created_at as happened_at,
        cast(null as numeric(28, 6)) as amount,
        true as is_open,
        cast(null as boolean) as is_overdue

    from leads

    union all

    select
        'task' as entity_type,
        task_id as entity_id,
        employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        created_at,
        coalesce(deadline_at, created_at) as happened_at,
        cast(null as numeric(28, 6)) as amount,
        is_open,
        case
            when is_due and closed_at is not null then closed_at > deadline_at
            -- done without a time, handed over for control, put off: nobody can say
            when is_due and is_open then true
        end as is_overdue

    from known_tasks

    where is_open or is_due

),

final as (

    select
        work.entity_type || '|' || work.entity_id as work_key,
        work.entity_type,
        work.entity_id,
        work.employee_id,
        work.pipeline_id,
        work.happened_at,
        work.amount,
        case when work.is_open then 'open' else 'done' end as note,
        work.created_at,
        work.is_open,
        case
            when work.is_open and work.created_at >= finding_window.window_start_at
                then not employees.is_active
        end as is_of_dismissed_employee,
        work.is_overdue

    from work

    cross join finding_window

    left join employees
        on work.employee_id = employees.employee_id

)

select * from final
