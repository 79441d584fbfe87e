with

comparison_months as (

    select * from {{ ref('int_comparison_months') }}
    where is_compared

),

monthly_values as (

    select * from {{ ref('int_effect_monthly_values') }}

),

period_days as (

    select * from {{ ref('int_period_days') }}
    where period_grain = 'month'

),

months_in_windows as (

    select
        comparison_months.window_name,
        monthly_values.metric_code,
        monthly_values.period_start,
        monthly_values.value,
        monthly_values.numerator,
        monthly_values.denominator,
        row_number() over (
            partition by comparison_months.window_name, monthly_values.metric_code
            order by monthly_values.period_start desc
        ) as newest_first

    from comparison_months

    inner join monthly_values
        on comparison_months.period_start = monthly_values.period_start

    -- both follow the leads of a month, which need time to be won or lost
    where
        monthly_values.metric_code not in ('conversion', 'lost_sales')
        or comparison_months.is_compared_ripe

),

-- shares of things counted: the register of processes as it is at the end, the others over all months
rates as (

    select
        metric_code,
        window_name,
        count(*) as months,
        sum(denominator) filter (where metric_code <> 'automation_level' or newest_first = 1) as sample_size,
        sum(numerator) filter (where metric_code <> 'automation_level' or newest_first = 1) as successes,
        cast(null as {{ type_double() }}) as sample_mean,
        cast(null as {{ type_double() }}) as sample_variance

    from months_in_windows

    where metric_code in ('conversion', 'retention', 'churn', 'automation_level')

    group by metric_code, window_name

),

-- a ratio of two monthly sums and its variance by the residuals of the months (Cochran, Sampling
-- Techniques, 1977, chapter 6): a month with one client does not weigh as much as one with fifty
series_ratios as (

    select
        *,
        {{ ratio(
            'sum(numerator) over (partition by metric_code, window_name)',
            'sum(denominator) over (partition by metric_code, window_name)'
        ) }} as window_ratio

    from months_in_windows

    where metric_code in ('cac', 'ltv', 'lost_sales')

),

series as (

    select
        metric_code,
        window_name,
        count(*) as months,
        count(*) as sample_size,
        cast(null as {{ type_double() }}) as successes,
        max(window_ratio) as sample_mean,
        cast(count(*) as {{ type_double() }}) * count(*) / nullif(count(*) - 1, 0)
        * sum(
            (numerator - window_ratio * denominator) * (numerator - window_ratio * denominator)
        ) / nullif(sum(denominator) * sum(denominator), 0) as sample_variance

    from series_ratios

    group by metric_code, window_name

),

measurements as (

    select
        'response_time' as metric_code,
        requested_date as measured_date,
        cast(response_microseconds as {{ type_double() }}) / 60000000 as measured

    from {{ ref('fct_requests') }}

    -- an older month has had longer to collect late answers: the same time to answer for all
    where response_microseconds < {{ var('response_horizon_days') }} * 86400000000

    union all

    select
        'sales_cycle' as metric_code,
        won_date as measured_date,
        cast({{ microseconds_between('first_contact_at', 'won_at') }} as {{ type_double() }}) / 86400000000 as measured

    from {{ ref('fct_deals') }}

    where state = 'won'

    union all

    select
        'average_deal_size' as metric_code,
        won_date as measured_date,
        cast(amount as {{ type_double() }}) as measured

    from {{ ref('fct_deals') }}

    where state = 'won'

),

means as (

    select
        measurements.metric_code,
        comparison_months.window_name,
        count(distinct comparison_months.period_start) as months,
        count(*) as sample_size,
        cast(null as {{ type_double() }}) as successes,
        avg(measurements.measured) as sample_mean,
        var_samp(measurements.measured) as sample_variance

    from measurements

    inner join period_days
        on measurements.measured_date = period_days.date_day

    inner join comparison_months
        on period_days.period_start = comparison_months.period_start

    group by measurements.metric_code, comparison_months.window_name

),

all_samples as (

    select * from rates
    union all
    select * from series
    union all
    select * from means

),

samples as (

    select
        metric_code || '|' || window_name as effect_sample_key,
        metric_code,
        window_name,
        months,
        sample_size,
        successes,
        sample_mean,
        sample_variance

    from all_samples

)

select * from samples
