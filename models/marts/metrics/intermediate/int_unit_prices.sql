{%- set segment_types = ['channel', 'employee'] + custom_segment_types('lost_sales') -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

deals as (

    select * from {{ ref('int_deals_with_segments') }}
    where state = 'won'

),

-- the price of the period, or of the trailing year where the period has sold nothing
prices_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        coalesce(
            avg(deals.amount) filter (where deals.won_at >= periods.period_start_at),
            avg(deals.amount)
        ) as unit_price

    from periods

    inner join deals
        on
            periods.cutoff_at > deals.won_at
            and least(periods.trailing_start_at, periods.period_start_at) <= deals.won_at

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

final as (

    select
        cell_key,
        cast(unit_price as {{ type_double() }}) as unit_price

    from prices_by_segment

)

select * from final
