{%- set segment_types = ['channel', 'employee'] + custom_segment_types('lost_sales') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'lost_sales'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

demand_units as (

    select * from {{ ref('int_demand_units_with_segments') }}
    -- who was never answered, no journal tells
    where not is_excluded and source is distinct from 'journal'

),

deals as (

    select * from {{ ref('int_deals_with_segments') }}
    where source is distinct from 'journal'

),

periods as (

    select * from {{ ref('int_periods') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

win_rates as (

    select * from {{ ref('int_answered_win_rates') }}

),

unit_prices as (

    select * from {{ ref('int_unit_prices') }}

),

forecasts as (

    select * from {{ ref('int_demand_forecasts') }}

),

demand_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as demand,
        count(demand_units.won_at) as fulfilled,
        count(*) filter (where demand_units.is_organisational_loss)
            as lost_for_organisational_reasons

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

lost_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as lost_deals,
        sum(deals.amount) as lost_deal_amount,
        count(*) filter (where deals.is_organisational_loss) as lost_deals_organisational,
        sum(deals.amount) filter (where deals.is_organisational_loss)
            as lost_deal_amount_organisational

    from deals

    inner join period_days
        on deals.lost_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

parts as (

    select
        registry.*,
        coalesce(demand_by_segment.demand, 0) as demand,
        coalesce(demand_by_segment.fulfilled, 0) as fulfilled,
        coalesce(demand_by_segment.lost_for_organisational_reasons, 0)
            as lost_for_organisational_reasons,
        {{ dbt.dateadd('hour', 90 * 24, 'periods.period_end_at') }} <= settings.as_of_at as is_ripe,
        coalesce(win_rates.answered_demand, 0) as trailing_answered_demand,
        coalesce(win_rates.answered_demand_won, 0) as trailing_answered_demand_won,
        {{ ratio('win_rates.answered_demand_won', 'win_rates.answered_demand') }}
            as answered_win_rate,
        unit_prices.unit_price,
        forecasts.forecast_annual_demand,
        coalesce(lost_by_segment.lost_deals, 0) as lost_deals,
        coalesce(lost_by_segment.lost_deal_amount, 0) as lost_deal_amount,
        coalesce(lost_by_segment.lost_deals_organisational, 0) as lost_deals_organisational,
        coalesce(lost_by_segment.lost_deal_amount_organisational, 0)
            as lost_deal_amount_organisational

    from registry

    inner join periods
        on registry.period_key = periods.period_key

    cross join settings

    left join win_rates
        on registry.cell_key = win_rates.cell_key

    left join demand_by_segment
        on registry.cell_key = demand_by_segment.cell_key

    left join lost_by_segment
        on registry.cell_key = lost_by_segment.cell_key

    left join unit_prices
        on registry.cell_key = unit_prices.cell_key

    left join forecasts
        on registry.cell_key = forecasts.cell_key

),

-- demand x price x (1 - fulfilment) x shortfall is the price times the units lost for
-- organisational reasons: written so, it is 0 and not null where all demand was fulfilled or
-- nothing was lost that way
with_lost_sales as (

    select
        *,
        case
            when demand = 0 then null
            when lost_for_organisational_reasons = 0 then 0
            else unit_price * lost_for_organisational_reasons
        end as lost_sales,
        -- not every lost lead would have bought
        case
            when demand = 0 then null
            when lost_for_organisational_reasons = 0 then 0
            else lost_for_organisational_reasons * answered_win_rate * unit_price
        end as lost_sales_expected

    from parts

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status('registry.is_ripe', 'registry.lost_sales') }} as value_status,
        registry.demand,
        registry.fulfilled,
        {{ ratio('registry.fulfilled', 'registry.demand') }} as unit_fulfillment_rate,
        registry.lost_for_organisational_reasons,
        {{ ratio(
            'registry.lost_for_organisational_reasons',
            '(registry.demand - registry.fulfilled)'
        ) }}
            as shortfall_factor,
        registry.unit_price,
        registry.lost_sales,
        registry.trailing_answered_demand,
        registry.trailing_answered_demand_won,
        registry.answered_win_rate,
        registry.lost_sales_expected,
        registry.forecast_annual_demand,
        {{ ratio('registry.lost_sales', 'registry.demand') }} * registry.forecast_annual_demand
            as forecast_annual_lost_sales,
        registry.lost_deals,
        cast(registry.lost_deal_amount as numeric(28, 6)) as lost_deal_amount,
        registry.lost_deals_organisational,
        cast(registry.lost_deal_amount_organisational as numeric(28, 6))
            as lost_deal_amount_organisational

    from with_lost_sales as registry

)

select * from final
