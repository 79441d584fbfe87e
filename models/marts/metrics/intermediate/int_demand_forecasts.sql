{%- set segment_types = ['channel', 'employee'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'lost_sales'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

demand_units as (

    select * from {{ ref('int_demand_units') }}
    where not is_excluded

),

demand_by_segment as (

    select
        period_days.period_grain,
        period_days.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as demand

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    where period_days.period_grain = 'month'

    group by {{ segment_sets('period_days.period_grain, period_days.period_start', segment_types) }}

),

complete_months as (

    select
        registry.segment_type,
        registry.segment_id,
        registry.period_start as month_start,
        registry.period_end as month_end,
        cast(
            sum(coalesce(demand_by_segment.demand, 0)) over last_12_months as {{ type_double() }}
        ) * 12 / count(*) over last_12_months as forecast_annual_demand

    from registry

    left join demand_by_segment
        on
            registry.period_grain = demand_by_segment.period_grain
            and registry.period_start = demand_by_segment.period_start
            and registry.segment_type = demand_by_segment.segment_type
            and registry.segment_id = demand_by_segment.segment_id

    where registry.period_grain = 'month' and registry.is_complete

    window last_12_months as (
        partition by registry.segment_type, registry.segment_id
        order by registry.period_start
        rows between 11 preceding and current row
    )

),

last_complete_months as (

    select
        registry.metric_key,
        max(complete_months.month_start) as month_start

    from registry

    inner join complete_months
        on
            registry.segment_type = complete_months.segment_type
            and registry.segment_id = complete_months.segment_id
            and registry.period_end >= complete_months.month_end

    group by registry.metric_key

),

final as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.segment_type,
        registry.segment_id,
        complete_months.forecast_annual_demand

    from registry

    inner join last_complete_months
        on registry.metric_key = last_complete_months.metric_key

    inner join complete_months
        on
            registry.segment_type = complete_months.segment_type
            and registry.segment_id = complete_months.segment_id
            and last_complete_months.month_start = complete_months.month_start

)

select * from final
