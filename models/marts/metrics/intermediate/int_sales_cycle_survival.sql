{%- set segment_types = ['channel', 'pipeline', 'employee', 'client_type'] -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

-- what was known of a deal at the end of the period: won after so many days, or not won until then
observations as (

    select
        periods.period_grain,
        periods.period_start,
        deals.channel_id,
        deals.pipeline_id,
        deals.employee_id,
        deals.client_type,
        coalesce(deals.won_at < periods.cutoff_at, false) as is_won,
        {{ microseconds_between(
            'deals.first_contact_at',
            'least(deals.won_at, deals.lost_at, periods.cutoff_at)'
        ) }} as observed_microseconds

    from periods

    inner join deals
        on
            periods.cutoff_at > deals.created_at
            and periods.trailing_start_at <= deals.created_at

),

by_duration as (

    select
        period_grain,
        period_start,
        {{ segment_columns(segment_types) }},
        observed_microseconds,
        count(*) filter (where is_won) as won_deals,
        count(*) as observed_deals

    from observations

    group by {{ segment_sets('period_grain, period_start, observed_microseconds', segment_types) }}

),

at_risk as (

    select
        *,
        sum(observed_deals) over (
            partition by period_grain, period_start, segment_type, segment_id
            order by observed_microseconds desc
            rows between unbounded preceding and current row
        ) as deals_at_risk

    from by_duration

),

-- Kaplan and Meier: the share still not won is the product of (1 - won / at risk) over the durations so
-- far, here as the exponential of a sum of logarithms; where all at risk were won nothing is left
curve as (

    select
        period_grain,
        period_start,
        segment_type,
        segment_id,
        observed_microseconds,
        exp(
            sum(
                case
                    when won_deals = deals_at_risk then -100
                    else ln(1 - cast(won_deals as {{ type_double() }}) / cast(deals_at_risk as {{ type_double() }}))
                end
            ) over (
                partition by period_grain, period_start, segment_type, segment_id
                order by observed_microseconds
                rows between unbounded preceding and current row
            )
        ) as share_not_won

    from at_risk

    where won_deals > 0

),

medians as (

    select
        period_grain || '|' || cast(period_start as {{ dbt.type_string() }})
        || '|' || segment_type || '|' || segment_id as days_to_win_key,
        period_grain,
        period_start,
        segment_type,
        segment_id,
        -- the tolerance is for rounding in the logarithms
        cast(min(observed_microseconds) as {{ type_double() }}) / 86400000000 as median_days_to_win

    from curve

    where share_not_won <= 0.5 + 1e-9

    group by period_grain, period_start, segment_type, segment_id

)

select * from medians
