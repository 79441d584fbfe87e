{%- set go_live = date_var('crm_go_live_date') -%}
{#- all have had as long -#}
{%- set hours_to_touch = 24 -%}
{%- set days_to_work = 7 -%}
{%- set segment_types = ['employee'] -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

months as (

    select * from {{ ref('int_periods') }}
    where
        period_grain = 'month'
        and period_end >= {{ go_live }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

demand_units as (

    select * from {{ ref('fct_demand_units') }}
    where not is_excluded and source is distinct from 'journal'

),

deals as (

    select * from {{ ref('fct_deals') }}
    where source is distinct from 'journal'

),

response_times as (

    select * from {{ ref('metric_response_time') }}
    where period_grain = 'month' and segment_type in ('all', 'employee')

),

tasks as (

    select * from {{ ref('fct_tasks') }}
    where is_done_in_time is not null

),

automation_levels as (

    select * from {{ ref('metric_automation_level') }}
    where period_grain = 'month' and segment_type = 'all'

),

-- what people did: a client's message is none of it, nor is a plan or what robots send
acts as (

    select
        thread_id,
        actor_id,
        happened_at,
        is_response_untimed or is_response_unknown as is_untimed

    from activities

    where
        happened_at is not null
        and (
            is_response
            or is_response_unknown
            or (is_directed and is_by_person and not is_incoming)
        )

),

acts_by_thread as (

    select
        thread_id,
        min(case when not is_untimed then happened_at end) as first_act_at,
        max(case when is_untimed then 1 else 0 end) = 1 as has_untimed

    from acts

    group by thread_id

),

deals_with_first_act as (

    select
        deals.deal_id,
        deals.thread_id,
        deals.employee_id,
        deals.created_at,
        deals.created_date,
        min(acts.happened_at) as first_act_at

    from deals

    inner join settings
        on settings.has_activities

    left join acts
        on
            deals.thread_id = acts.thread_id
            and deals.created_at <= acts.happened_at
            and not acts.is_untimed

    group by
        deals.deal_id, deals.thread_id, deals.employee_id, deals.created_at, deals.created_date

),

-- one row per thing that shows whether people work in the CRM, with the one in charge of it:
-- `counted` is 1 where they did, 0 where not, null where that cannot be known
records as (

    select
        'demand' as record_kind,
        demand_units.employee_id,
        demand_units.created_date as date_day,
        case
            when
                {{ dbt.dateadd('hour', hours_to_touch, 'demand_units.created_at') }}
                > settings.as_of_at
                then null
            when
                acts_by_thread.first_act_at
                < {{ dbt.dateadd('hour', hours_to_touch, 'demand_units.created_at') }}
                then 1
            when not coalesce(acts_by_thread.has_untimed, false) then 0
        end as counted

    from demand_units

    inner join settings
        on settings.has_activities

    left join acts_by_thread
        on demand_units.thread_id = acts_by_thread.thread_id

    union all

    select
        'deal' as record_kind,
        deals.employee_id,
        deals.created_date as date_day,
        case
            when {{ dbt.dateadd('day', days_to_work, 'deals.created_at') }} > settings.as_of_at
                then null
            when
                deals.first_act_at < {{ dbt.dateadd('day', days_to_work, 'deals.created_at') }}
                then 1
            when not coalesce(acts_by_thread.has_untimed, false) then 0
        end as counted

    from deals_with_first_act as deals

    cross join settings

    left join acts_by_thread
        on deals.thread_id = acts_by_thread.thread_id

    union all

    select
        'task' as record_kind,
        employee_id,
        deadline_date as date_day,
        case when is_done_in_time then 1 else 0 end as counted

    from tasks

    union all

    select
        'act' as record_kind,
        actor_id as employee_id,
        cast({{ to_local('happened_at') }} as date) as date_day,
        1 as counted

    from acts

    where not is_untimed

),

counts as (

    select
        {{ cell_key('months.period_key', segment_types) }} as cell_key,
        {% for record_kind in ['demand', 'deal', 'task'] %}
        count(records.counted) filter (where records.record_kind = '{{ record_kind }}')
            as {{ record_kind }}_judged,
        count(*) filter (where records.record_kind = '{{ record_kind }}' and records.counted = 1)
            as {{ record_kind }}_counted,
        {% endfor %}
        count(distinct case
            when records.record_kind <> 'task' and records.employee_id <> 'unknown'
                then records.employee_id
        end) as employees_in_charge,
        count(distinct case
            when records.record_kind = 'act' and records.employee_id <> 'unknown'
                then records.employee_id
        end) as employees_at_work

    from records

    inner join months
        on records.date_day between months.period_start and months.period_end

    group by {{ segment_sets('months.period_key', segment_types) }}

),

members as (

    select
        'all' as segment_type,
        'all' as segment_id,
        'All' as segment_name

    union all

    select
        'employee' as segment_type,
        employee_id as segment_id,
        employee_name as segment_name

    from employees

    where is_responsible

),

cells as (

    select
        months.period_key || '|' || members.segment_type || '|' || members.segment_id as cell_key,
        months.period_start as month_start,
        months.is_complete,
        {{ dbt.datediff(go_live, 'months.period_start', 'month') }} + 1 as month_number,
        members.segment_type,
        members.segment_id,
        members.segment_name

    from months

    cross join members

),

final as (

    select
        cells.cell_key as adoption_key,
        cells.month_start,
        cells.is_complete,
        cast(cells.month_number as bigint) as month_number,
        cells.segment_type,
        cells.segment_id,
        cells.segment_name,
        coalesce(counts.demand_judged, 0) as demand_judged,
        coalesce(counts.demand_counted, 0) as demand_touched,
        {{ ratio('counts.demand_counted', 'counts.demand_judged', 100) }} as demand_touched_pct,
        coalesce(counts.deal_judged, 0) as deals_judged,
        coalesce(counts.deal_counted, 0) as deals_with_activity,
        {{ ratio('counts.deal_counted', 'counts.deal_judged', 100) }} as deals_with_activity_pct,
        coalesce(response_times.requests_judged_sla, 0) as requests_judged_sla,
        coalesce(response_times.requests_within_sla, 0) as requests_within_sla,
        response_times.within_sla_pct,
        coalesce(counts.employees_in_charge, 0) as employees_in_charge,
        coalesce(counts.employees_at_work, 0) as employees_at_work,
        {{ ratio('counts.employees_at_work', 'counts.employees_in_charge', 100) }}
            as employees_at_work_pct,
        coalesce(counts.task_judged, 0) as tasks_due,
        coalesce(counts.task_counted, 0) as tasks_done_in_time,
        {{ ratio('counts.task_counted', 'counts.task_judged', 100) }} as tasks_done_in_time_pct,
        automation_levels.total_processes,
        automation_levels.automated_processes,
        automation_levels.automation_level_pct

    from cells

    left join counts
        on cells.cell_key = counts.cell_key

    left join response_times
        on
            cells.month_start = response_times.period_start
            and cells.segment_type = response_times.segment_type
            and cells.segment_id = response_times.segment_id

    left join automation_levels
        on
            cells.month_start = automation_levels.period_start
            and cells.segment_type = 'all'

)

select * from final
