{%- set segment_types = ['channel', 'employee'] -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

deals as (

    select * from {{ ref('int_deals') }}
    where state = 'won'

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

final as (

    select
        period_grain
        || '|' || cast(period_start as {{ dbt.type_string() }})
        || '|' || segment_type
        || '|' || segment_id as unit_price_key,
        period_grain,
        period_start,
        segment_type,
        segment_id,
        cast(unit_price as {{ type_double() }}) as unit_price

    from prices_by_segment

)

select * from final
