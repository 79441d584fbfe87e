{#- the quantile of the normal distribution at 97.5 % -#}
{%- set z = 1.959963984540054 -%}

with

comparison_months as (

    select * from {{ ref('int_comparison_months') }}
    where is_compared

),

period_days as (

    select * from {{ ref('int_period_days') }}
    where period_grain = 'month'

),

durations as (

    select
        'response_time' as metric_code,
        requested_date as measured_date,
        cast(response_microseconds as {{ type_double() }}) / 60000000 as duration

    from {{ ref('fct_requests') }}

    where response_microseconds < {{ var('response_horizon_days') }} * 86400000000

    union all

    select
        'sales_cycle' as metric_code,
        won_date as measured_date,
        cast({{ microseconds_between('first_contact_at', 'won_at') }} as {{ type_double() }}) / 86400000000 as duration

    from {{ ref('fct_deals') }}

    where state = 'won'

),

ranked as (

    select
        durations.metric_code,
        comparison_months.window_name,
        durations.duration,
        row_number() over (
            partition by durations.metric_code, comparison_months.window_name
            order by durations.duration
        ) as duration_rank,
        count(*) over (
            partition by durations.metric_code, comparison_months.window_name
        ) as sample_size

    from durations

    inner join period_days
        on durations.measured_date = period_days.date_day

    inner join comparison_months
        on period_days.period_start = comparison_months.period_start

),

-- the ranks between which the median lies whatever the distribution: binomial, by its normal approximation
with_ranks as (

    select
        *,
        floor((sample_size - {{ z }} * sqrt(sample_size)) / 2) as lower_rank

    from ranked

),

medians as (

    select
        metric_code || '|' || window_name as effect_median_key,
        metric_code,
        window_name,
        percentile_cont(0.5) within group (order by duration) as median,
        max(case when duration_rank = lower_rank then duration end) as median_ci_low,
        max(case when lower_rank >= 1 and duration_rank = sample_size + 1 - lower_rank then duration end)
            as median_ci_high

    from with_ranks

    group by metric_code, window_name

)

select * from medians
