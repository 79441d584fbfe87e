{%- set go_live = date_var('crm_go_live_date') -%}
{%- set segment_types = ['employee'] -%}

with

records as (

    select * from {{ ref('int_adoption_records') }}

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

response_times as (

    select * from {{ ref('metric_response_time') }}
    where period_grain = 'month' and segment_type in ('all', 'employee')

),

automation_levels as (

    select * from {{ ref('metric_automation_level') }}
    where period_grain = 'month' and segment_type = 'all'

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
            when records.record_kind = 'work_day' and records.employee_id <> 'unknown'
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
