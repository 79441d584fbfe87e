{%- set segment_types = ['channel', 'employee'] + custom_segment_types('lost_sales') -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

answered_units as (

    select * from {{ ref('int_demand_units_with_segments') }}
    where not is_excluded and is_answered

),

-- the demand of the trailing year, so that a month with few leads has a rate as well
final as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        count(*) as answered_demand,
        count(answered_units.won_at) as answered_demand_won

    from periods

    inner join answered_units
        on
            periods.cutoff_at > answered_units.created_at
            and periods.trailing_start_at <= answered_units.created_at

    group by {{ segment_sets('periods.period_key', segment_types) }}

)

select * from final
