with

finding_window as (

    select
        *,
        {{ dbt.dateadd('day', -var('finding_idle_days'), 'as_of_at') }} as idle_since_at

    from {{ ref('int_finding_window') }}

),

users as (

    select * from {{ ref('stg_bitrix24__users') }}
    where is_active and coalesce(user_type, 'employee') = 'employee'

),

employees as (

    select * from {{ ref('dim_employees') }}

),

open_work as (

    select
        employee_id,
        count(*) as open_items,
        min(created_at) as oldest_created_at

    from {{ ref('int_finding_open_work') }}

    group by employee_id

),

-- the portal does not say who moved a deal: its present owner gets the benefit of the doubt
actions as (

    select
        employee_id,
        created_at as acted_at

    from {{ ref('int_finding_activities') }}

    where is_by_person and not is_incoming

    union all

    select
        employee_id,
        started_at as acted_at

    from {{ ref('stg_bitrix24__calls') }}

    union all

    select
        employee_id,
        closed_at as acted_at

    from {{ ref('stg_bitrix24__tasks') }}

    union all

    select
        deals.employee_id,
        stage_changes.changed_at as acted_at

    from {{ ref('int_stage_changes') }} as stage_changes

    inner join {{ ref('fct_deals') }} as deals
        on
            stage_changes.entity_id = deals.deal_id
            and stage_changes.entity_type = 'deal'

    where stage_changes.change_number > 1

    union all

    select
        leads.employee_id,
        stage_changes.changed_at as acted_at

    from {{ ref('int_stage_changes') }} as stage_changes

    inner join {{ ref('fct_leads') }} as leads
        on
            stage_changes.entity_id = leads.lead_id
            and stage_changes.entity_type = 'lead'

    where stage_changes.change_number > 1

),

last_actions as (

    select
        actions.employee_id,
        max(actions.acted_at) as last_acted_at

    from actions

    inner join finding_window
        on actions.acted_at < finding_window.data_end_at

    group by actions.employee_id

),

final as (

    select
        users.employee_id,
        employees.employee_name,
        open_work.open_items,
        open_work.oldest_created_at,
        last_actions.last_acted_at,
        case
            when finding_window.has_activities
                then coalesce(last_actions.last_acted_at < finding_window.idle_since_at, true)
        end as is_idle

    from users

    inner join employees
        on users.employee_id = employees.employee_id

    inner join open_work
        on users.employee_id = open_work.employee_id

    inner join finding_window
        on open_work.oldest_created_at < finding_window.idle_since_at

    left join last_actions
        on users.employee_id = last_actions.employee_id

)

select * from final
