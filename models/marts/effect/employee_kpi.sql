with

employees as (

    select * from {{ ref('dim_employees') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}

),

response_times as (

    select * from {{ ref('metric_response_time') }}
    where segment_type = 'employee'

),

conversions as (

    select * from {{ ref('metric_conversion') }}
    where segment_type = 'employee'

),

deal_sizes as (

    select * from {{ ref('metric_average_deal_size') }}
    where segment_type = 'employee'

),

sales_cycles as (

    select * from {{ ref('metric_sales_cycle') }}
    where segment_type = 'employee'

),

-- a task is due when its deadline has come; done later or not yet is not in time
tasks_by_period as (

    select
        tasks.employee_id,
        period_days.period_grain,
        period_days.period_start,
        count(*) as tasks_due,
        count(*) filter (where tasks.is_done_in_time) as tasks_done_in_time

    from tasks

    inner join period_days
        on tasks.deadline_date = period_days.date_day

    where tasks.is_done_in_time is not null

    group by tasks.employee_id, period_days.period_grain, period_days.period_start

),

final as (

    select
        periods.period_key || '|' || employees.employee_id as employee_kpi_key,
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        employees.employee_id,
        employees.employee_name,
        coalesce(response_times.requests, 0) as requests,
        coalesce(response_times.answered_requests, 0) as answered_requests,
        response_times.avg_response_minutes,
        response_times.median_response_minutes,
        coalesce(response_times.requests_judged_sla, 0) as requests_judged_sla,
        coalesce(response_times.requests_within_sla, 0) as requests_within_sla,
        response_times.within_sla_pct,
        coalesce(tasks_by_period.tasks_due, 0) as tasks_due,
        coalesce(tasks_by_period.tasks_done_in_time, 0) as tasks_done_in_time,
        {{ ratio('tasks_by_period.tasks_done_in_time', 'tasks_by_period.tasks_due', 100) }}
            as tasks_done_in_time_pct,
        coalesce(conversions.leads, 0) as leads,
        coalesce(conversions.closed_deals, 0) as deals_won,
        conversions.conversion_pct,
        cast(coalesce(deal_sizes.revenue, 0) as numeric(28, 6)) as revenue,
        deal_sizes.average_deal_size,
        sales_cycles.avg_cycle_days

    from employees

    cross join periods

    left join response_times
        on
            employees.employee_id = response_times.segment_id
            and periods.period_grain = response_times.period_grain
            and periods.period_start = response_times.period_start

    left join conversions
        on
            employees.employee_id = conversions.segment_id
            and periods.period_grain = conversions.period_grain
            and periods.period_start = conversions.period_start

    left join deal_sizes
        on
            employees.employee_id = deal_sizes.segment_id
            and periods.period_grain = deal_sizes.period_grain
            and periods.period_start = deal_sizes.period_start

    left join sales_cycles
        on
            employees.employee_id = sales_cycles.segment_id
            and periods.period_grain = sales_cycles.period_grain
            and periods.period_start = sales_cycles.period_start

    left join tasks_by_period
        on
            employees.employee_id = tasks_by_period.employee_id
            and periods.period_grain = tasks_by_period.period_grain
            and periods.period_start = tasks_by_period.period_start

)

select * from final
