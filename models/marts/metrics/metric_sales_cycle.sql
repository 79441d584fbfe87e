{%- set microseconds_per_day = 86400000000 -%}
{%- set segment_types
    = ['channel', 'pipeline', 'employee', 'client_type'] + custom_segment_types('sales_cycle') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'sales_cycle'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

deals as (

    select * from {{ ref('int_deals_with_segments') }}

),

days_to_win as (

    select * from {{ ref('int_sales_cycle_survival') }}

),

won_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        -- of a journal that is a list of sales nobody knows when the client turned up
        count(deals.first_contact_at) as closed_deals,
        cast(
            sum(
                {{ microseconds_between('deals.first_contact_at', 'deals.won_at') }}
            ) as {{ type_double() }}
        )
        / {{ microseconds_per_day }} as total_cycle_days,
        percentile_cont(0.5) within group (
            order by {{ microseconds_between('deals.first_contact_at', 'deals.won_at') }}
        ) / {{ microseconds_per_day }} as median_cycle_days,
        percentile_cont(0.9) within group (
            order by {{ microseconds_between('deals.first_contact_at', 'deals.won_at') }}
        ) / {{ microseconds_per_day }} as p90_cycle_days

    from deals

    inner join period_days
        on deals.won_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

-- open at the end of a period: created before it and not closed for good until then
open_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        count(*) as open_deals,
        cast(
            sum(
                {{ microseconds_between('deals.first_contact_at', 'periods.cutoff_at') }}
            ) as {{ type_double() }}
        )
        / {{ microseconds_per_day }} as total_open_age_days

    from periods

    inner join deals
        on
            periods.cutoff_at > deals.created_at
            and periods.cutoff_at <= coalesce(deals.won_at, deals.lost_at, periods.cutoff_at)
            -- whether a deal of the journal is open after its end, nobody knows
            and coalesce(periods.cutoff_at <= deals.known_until_at, true)

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            ratio('won_by_segment.total_cycle_days', 'won_by_segment.closed_deals')
        ) }} as value_status,
        coalesce(won_by_segment.closed_deals, 0) as closed_deals,
        coalesce(won_by_segment.total_cycle_days, 0) as total_cycle_days,
        {{ ratio('won_by_segment.total_cycle_days', 'won_by_segment.closed_deals') }}
            as avg_cycle_days,
        won_by_segment.median_cycle_days,
        won_by_segment.p90_cycle_days,
        coalesce(open_by_segment.open_deals, 0) as open_deals,
        coalesce(open_by_segment.total_open_age_days, 0) as total_open_age_days,
        {{ ratio('open_by_segment.total_open_age_days', 'open_by_segment.open_deals') }}
            as avg_open_age_days,
        days_to_win.median_days_to_win as median_days_to_win_incl_open

    from registry

    left join won_by_segment
        on registry.cell_key = won_by_segment.cell_key

    left join open_by_segment
        on registry.cell_key = open_by_segment.cell_key

    left join days_to_win
        on registry.cell_key = days_to_win.cell_key

)

select * from final
