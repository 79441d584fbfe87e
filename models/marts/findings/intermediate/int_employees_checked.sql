with

finding_window as (

    select
        *,
        {{ dbt.dateadd('day', -var('finding_idle_days'), 'as_of_at') }} as idle_since_at

    from {{ ref('int_finding_window') }}

),

employees as (

    select * from {{ ref('dim_employees') }}
    where is_active and coalesce(user_type, 'employee') = 'employee'

),

open_work as (

    select * from {{ ref('int_work_checked') }}
    where is_open

),

activities as (

    select
        *,
        -- who answered inside a chat is not named: the one responsible has the benefit of doubt
        case when is_incoming then actor_id else creator_id end as acting_employee_id

    from {{ ref('int_thread_activities') }}

    where (is_by_person and not is_incoming) or is_response_untimed or is_response_unknown

),

calls as (

    select * from {{ ref('fct_calls') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

-- the first row of a history is the creation, which may be a robot's
moves as (

    select * from {{ ref('int_stage_changes') }}
    where change_number > 1

),

-- the portal does not say who moved a deal: its present owner gets the benefit of the doubt
actions as (

    select
        acting_employee_id as employee_id,
        created_at as acted_at
    from activities

    union all

    select
        employee_id,
        started_at as acted_at
    from calls

    union all

    select
        employee_id,
        closed_at as acted_at
    from tasks

    union all

    select
        deals.employee_id,
        moves.changed_at as acted_at
    from moves
    inner join deals
        on
            moves.entity_id = deals.deal_id
            and moves.entity_type = 'deal'

    union all

    select
        leads.employee_id,
        moves.changed_at as acted_at
    from moves
    inner join leads
        on
            moves.entity_id = leads.lead_id
            and moves.entity_type = 'lead'

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

open_work_by_employee as (

    select
        employee_id,
        count(*) as open_items,
        min(created_at) as oldest_created_at

    from open_work

    group by employee_id

),

final as (

    select
        'employee' as entity_type,
        employees.employee_id as entity_id,
        employees.employee_name as entity_name,
        employees.employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        last_actions.last_acted_at as happened_at,
        cast(null as numeric(28, 6)) as amount,
        'open items: ' || cast(open_work_by_employee.open_items as {{ dbt.type_string() }}) as note,
        case
            when finding_window.has_activities
                then coalesce(last_actions.last_acted_at < finding_window.idle_since_at, true)
        end as is_idle

    from employees

    inner join open_work_by_employee
        on employees.employee_id = open_work_by_employee.employee_id

    inner join finding_window
        on open_work_by_employee.oldest_created_at < finding_window.idle_since_at

    left join last_actions
        on employees.employee_id = last_actions.employee_id

)

select * from final
