with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

users as (

    select * from {{ ref('stg_bitrix24__users') }}

),

tasks as (

    select * from {{ ref('stg_bitrix24__tasks') }}

),

open_work as (

    select
        'deal' as entity_type,
        deal_id as entity_id,
        employee_id,
        created_at

    from {{ ref('fct_deals') }}

    where state = 'open'

    union all

    select
        'lead' as entity_type,
        lead_id as entity_id,
        employee_id,
        created_at

    from {{ ref('fct_leads') }}

    where outcome = 'open'

    union all

    select
        'task' as entity_type,
        task_id as entity_id,
        employee_id,
        created_at

    from tasks

    where task_status in ('2', '3')

),

final as (

    select
        open_work.entity_type || '|' || open_work.entity_id as open_work_key,
        open_work.entity_type,
        open_work.entity_id,
        open_work.employee_id,
        open_work.created_at,
        case
            when open_work.created_at >= finding_window.window_start_at then not users.is_active
        end as is_of_dismissed_employee

    from open_work

    inner join finding_window
        on open_work.created_at < finding_window.data_end_at

    left join users
        on open_work.employee_id = users.employee_id

)

select * from final
