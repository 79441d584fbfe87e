{%- set segment_types = ['channel', 'employee'] + custom_segment_types('lost_sales') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'lost_sales'

),

periods as (

    select * from {{ ref('int_periods') }}

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

demand_units as (

    select * from {{ ref('int_demand_units_with_segments') }}
    where not is_excluded

),

demand_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as demand

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    where period_days.period_grain = 'month'

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

complete_months as (

    select
        registry.cell_key,
        cast(
            sum(coalesce(demand_by_segment.demand, 0)) over last_12_months as {{ type_double() }}
        ) * 12 / count(*) over last_12_months as forecast_annual_demand

    from registry

    left join demand_by_segment
        on registry.cell_key = demand_by_segment.cell_key

    where registry.period_grain = 'month' and registry.is_complete

    window last_12_months as (
        partition by registry.segment_type, registry.segment_id
        order by registry.period_start
        rows between 11 preceding and current row
    )

),

last_complete_month as (

    select max(period_start) as month_start

    from periods

    where period_grain = 'month' and is_complete

),

-- a period looks back from its last month, or from the last month that is complete
months_of_periods as (

    select
        periods.period_key,
        months.period_key as month_key

    from periods

    cross join last_complete_month

    inner join periods as months
        on
            months.period_grain = 'month'
            and least(
                cast({{ dbt.date_trunc('month', 'periods.period_end') }} as date),
                last_complete_month.month_start
            ) = months.period_start

),

-- found by one key: month and member apart, each cell could meet every month of its member first
final as (

    select
        registry.cell_key,
        complete_months.forecast_annual_demand

    from registry

    inner join months_of_periods
        on registry.period_key = months_of_periods.period_key

    inner join complete_months
        on
            months_of_periods.month_key
            || '|' || registry.segment_type || '|' || registry.segment_id
            = complete_months.cell_key

)

select * from final
