{%- set segment_types = ['channel', 'employee'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'lost_sales'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

demand_units as (

    select * from {{ ref('int_demand_units') }}
    where not is_excluded

),

deals as (

    select * from {{ ref('int_deals') }}

),

demand_by_segment as (

    select
        period_days.period_grain,
        period_days.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as demand,
        count(demand_units.won_at) as fulfilled,
        count(*) filter (where demand_units.is_organisational_loss) as lost_for_organisational_reasons

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    group by {{ segment_sets('period_days.period_grain, period_days.period_start', segment_types) }}

),

lost_by_segment as (

    select
        period_days.period_grain,
        period_days.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as lost_deals,
        sum(deals.amount) as lost_deal_amount,
        count(*) filter (where deals.is_organisational_loss) as lost_deals_organisational,
        sum(deals.amount) filter (where deals.is_organisational_loss) as lost_deal_amount_organisational

    from deals

    inner join period_days
        on deals.lost_date = period_days.date_day

    group by {{ segment_sets('period_days.period_grain, period_days.period_start', segment_types) }}

),

-- the price of the period, or of the trailing year where the period has sold nothing
prices_by_segment as (

    select
        periods.period_grain,
        periods.period_start,
        {{ segment_columns(segment_types) }},
        coalesce(
            avg(deals.amount) filter (where deals.won_at >= periods.period_start_at),
            avg(deals.amount)
        ) as unit_price

    from periods

    inner join deals
        on
            periods.cutoff_at > deals.won_at
            and least(periods.trailing_start_at, periods.period_start_at) <= deals.won_at

    group by {{ segment_sets('periods.period_grain, periods.period_start', segment_types) }}

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

parts as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.period_end,
        registry.is_complete,
        registry.segment_type,
        registry.segment_id,
        registry.segment_name,
        coalesce(demand_by_segment.demand, 0) as demand,
        coalesce(demand_by_segment.fulfilled, 0) as fulfilled,
        coalesce(demand_by_segment.lost_for_organisational_reasons, 0) as lost_for_organisational_reasons,
        cast(prices_by_segment.unit_price as {{ type_double() }}) as unit_price,
        complete_months.forecast_annual_demand,
        coalesce(lost_by_segment.lost_deals, 0) as lost_deals,
        coalesce(lost_by_segment.lost_deal_amount, 0) as lost_deal_amount,
        coalesce(lost_by_segment.lost_deals_organisational, 0) as lost_deals_organisational,
        coalesce(lost_by_segment.lost_deal_amount_organisational, 0) as lost_deal_amount_organisational

    from registry

    left join demand_by_segment
        on
            registry.period_grain = demand_by_segment.period_grain
            and registry.period_start = demand_by_segment.period_start
            and registry.segment_type = demand_by_segment.segment_type
            and registry.segment_id = demand_by_segment.segment_id

    left join lost_by_segment
        on
            registry.period_grain = lost_by_segment.period_grain
            and registry.period_start = lost_by_segment.period_start
            and registry.segment_type = lost_by_segment.segment_type
            and registry.segment_id = lost_by_segment.segment_id

    left join prices_by_segment
        on
            registry.period_grain = prices_by_segment.period_grain
            and registry.period_start = prices_by_segment.period_start
            and registry.segment_type = prices_by_segment.segment_type
            and registry.segment_id = prices_by_segment.segment_id

    left join last_complete_months
        on registry.metric_key = last_complete_months.metric_key

    left join complete_months
        on
            registry.segment_type = complete_months.segment_type
            and registry.segment_id = complete_months.segment_id
            and last_complete_months.month_start = complete_months.month_start

),

-- demand x price x (1 - fulfilment) x shortfall is the price times the units lost for organisational
-- reasons: written so, it is 0 and not null where all demand was fulfilled or nothing was lost that way
with_lost_sales as (

    select
        *,
        case
            when demand = 0 then null
            when lost_for_organisational_reasons = 0 then 0
            else unit_price * lost_for_organisational_reasons
        end as lost_sales

    from parts

),

final as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.period_end,
        registry.is_complete,
        registry.segment_type,
        registry.segment_id,
        registry.segment_name,
        {{ value_status('registry.lost_sales') }} as value_status,
        registry.demand,
        registry.fulfilled,
        {{ ratio('registry.fulfilled', 'registry.demand') }} as unit_fulfillment_rate,
        registry.lost_for_organisational_reasons,
        {{ ratio('registry.lost_for_organisational_reasons', '(registry.demand - registry.fulfilled)') }}
            as shortfall_factor,
        registry.unit_price,
        registry.lost_sales,
        registry.forecast_annual_demand,
        {{ ratio('registry.lost_sales', 'registry.demand') }} * registry.forecast_annual_demand
            as forecast_annual_lost_sales,
        registry.lost_deals,
        cast(registry.lost_deal_amount as numeric(28, 6)) as lost_deal_amount,
        registry.lost_deals_organisational,
        cast(registry.lost_deal_amount_organisational as numeric(28, 6)) as lost_deal_amount_organisational

    from with_lost_sales as registry

)

select * from final
