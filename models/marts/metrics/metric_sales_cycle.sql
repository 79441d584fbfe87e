{%- set microseconds_per_day = 86400000000 -%}
{%- set segment_types = ['channel', 'pipeline', 'employee', 'client_type'] -%}

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

    select * from {{ ref('int_deals') }}

),

days_to_win as (

    select * from {{ ref('int_sales_cycle_survival') }}

),

won_by_segment as (

    select
        period_days.period_grain,
        period_days.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as closed_deals,
        cast(sum({{ microseconds_between('deals.first_contact_at', 'deals.won_at') }}) as {{ type_double() }})
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

    group by {{ segment_sets('period_days.period_grain, period_days.period_start', segment_types) }}

),

-- open at the end of a period: created before it and not closed for good until then
open_by_segment as (

    select
        periods.period_grain,
        periods.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as open_deals,
        cast(sum({{ microseconds_between('deals.first_contact_at', 'periods.cutoff_at') }}) as {{ type_double() }})
        / {{ microseconds_per_day }} as total_open_age_days

    from periods

    inner join deals
        on
            periods.cutoff_at > deals.created_at
            and periods.cutoff_at <= coalesce(deals.won_at, deals.lost_at, periods.cutoff_at)

    group by {{ segment_sets('periods.period_grain, periods.period_start', segment_types) }}

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
        {{ value_status(ratio('won_by_segment.total_cycle_days', 'won_by_segment.closed_deals')) }} as value_status,
        coalesce(won_by_segment.closed_deals, 0) as closed_deals,
        coalesce(won_by_segment.total_cycle_days, 0) as total_cycle_days,
        {{ ratio('won_by_segment.total_cycle_days', 'won_by_segment.closed_deals') }} as avg_cycle_days,
        won_by_segment.median_cycle_days,
        won_by_segment.p90_cycle_days,
        coalesce(open_by_segment.open_deals, 0) as open_deals,
        coalesce(open_by_segment.total_open_age_days, 0) as total_open_age_days,
        {{ ratio('open_by_segment.total_open_age_days', 'open_by_segment.open_deals') }} as avg_open_age_days,
        days_to_win.median_days_to_win as median_days_to_win_incl_open

    from registry

    left join won_by_segment
        on
            registry.period_grain = won_by_segment.period_grain
            and registry.period_start = won_by_segment.period_start
            and registry.segment_type = won_by_segment.segment_type
            and registry.segment_id = won_by_segment.segment_id

    left join open_by_segment
        on
            registry.period_grain = open_by_segment.period_grain
            and registry.period_start = open_by_segment.period_start
            and registry.segment_type = open_by_segment.segment_type
            and registry.segment_id = open_by_segment.segment_id

    left join days_to_win
        on
            registry.period_grain = days_to_win.period_grain
            and registry.period_start = days_to_win.period_start
            and registry.segment_type = days_to_win.segment_type
            and registry.segment_id = days_to_win.segment_id

)

select * from final
