{#- the quantile of the normal distribution at 97.5 % -#}
{%- set z = 1.959963984540054 -%}

with

samples as (

    select * from {{ ref('int_effect_samples') }}

),

baselines as (

    select * from {{ ref('stg_reference__manual_baseline') }}

),

-- what was measured by hand before the CRM stands in where the data has no before
manual_samples as (

    select
        baselines.metric_code,
        cast(null as bigint) as months,
        cast(baselines.sample_size as {{ type_double() }}) as sample_size,
        case
            when baselines.metric_code in ('conversion', 'retention', 'churn', 'automation_level')
                then cast(baselines.baseline_value as {{ type_double() }}) / 100 * baselines.sample_size
        end as successes,
        cast(baselines.baseline_value as {{ type_double() }}) as sample_mean,
        cast(baselines.std_dev as {{ type_double() }}) * cast(baselines.std_dev as {{ type_double() }})
            as sample_variance,
        'manual' as before_source

    from baselines

    left join samples
        on
            baselines.metric_code = samples.metric_code
            and samples.window_name = 'before'
            and samples.months >= {{ var('min_comparison_months') }}

    where samples.metric_code is null

),

before_samples as (

    select
        metric_code,
        months,
        cast(sample_size as {{ type_double() }}) as sample_size,
        cast(successes as {{ type_double() }}) as successes,
        sample_mean,
        sample_variance,
        'data' as before_source

    from samples

    where window_name = 'before' and months >= {{ var('min_comparison_months') }}

    union all

    select * from manual_samples

),

after_samples as (

    select * from samples
    where window_name = 'after' and months >= {{ var('min_comparison_months') }}

),

paired as (

    select
        before_samples.metric_code,
        before_samples.before_source,
        before_samples.months as before_months,
        after_samples.months as after_months,
        before_samples.sample_size as before_n,
        cast(after_samples.sample_size as {{ type_double() }}) as after_n,
        before_samples.successes as before_successes,
        cast(after_samples.successes as {{ type_double() }}) as after_successes,
        before_samples.sample_mean as before_mean,
        after_samples.sample_mean as after_mean,
        before_samples.sample_variance as before_variance,
        after_samples.sample_variance as after_variance

    from before_samples

    inner join after_samples
        on before_samples.metric_code = after_samples.metric_code

),

-- a rate is a share only while what is counted does not exceed what it is counted of
with_shares as (

    select
        *,
        after_successes is not null as is_rate,
        coalesce(before_successes / nullif(before_n, 0), before_mean / 100) as before_share,
        after_successes / nullif(after_n, 0) as after_share

    from paired

),

wilson_parts as (

    select
        *,
        2 * before_successes + {{ z }} * {{ z }} as before_center,
        {{ z }} * sqrt({{ z }} * {{ z }} + 4 * before_successes * (1 - least(before_share, 1))) as before_spread,
        2 * (before_n + {{ z }} * {{ z }}) as before_scale,
        2 * after_successes + {{ z }} * {{ z }} as after_center,
        {{ z }} * sqrt({{ z }} * {{ z }} + 4 * after_successes * (1 - least(after_share, 1))) as after_spread,
        2 * (after_n + {{ z }} * {{ z }}) as after_scale

    from with_shares

),

standard_errors as (

    select
        *,
        before_share - (before_center - before_spread) / before_scale as before_to_lower,
        (before_center + before_spread) / before_scale - before_share as before_to_upper,
        after_share - (after_center - after_spread) / after_scale as after_to_lower,
        (after_center + after_spread) / after_scale - after_share as after_to_upper,
        before_variance / before_n as before_squared_error,
        after_variance / after_n as after_squared_error

    from wilson_parts

),

differences as (

    select
        metric_code,
        before_source,
        before_months,
        after_months,
        before_n,
        after_n,
        is_rate,
        case when is_rate then before_share * 100 else before_mean end as before_value,
        case when is_rate then after_share * 100 else after_mean end as after_value,
        -- Newcombe (1998), method 10: Wilson's intervals of both shares, joined at right angles
        case
            when is_rate and before_share <= 1 and after_share <= 1
                then
                    100 * (after_share - before_share)
                    - 100 * sqrt(after_to_lower * after_to_lower + before_to_upper * before_to_upper)
        end as rate_ci_low,
        case
            when is_rate and before_share <= 1 and after_share <= 1
                then
                    100 * (after_share - before_share)
                    + 100 * sqrt(after_to_upper * after_to_upper + before_to_lower * before_to_lower)
        end as rate_ci_high,
        sqrt(before_squared_error + after_squared_error) as standard_error,
        -- Welch and Satterthwaite; where nothing varies any number of degrees does
        case
            when before_squared_error + after_squared_error = 0 then before_n + after_n - 2
            else
                (before_squared_error + after_squared_error) * (before_squared_error + after_squared_error)
                / (
                    before_squared_error * before_squared_error / nullif(before_n - 1, 0)
                    + after_squared_error * after_squared_error / nullif(after_n - 1, 0)
                )
        end as degrees_of_freedom

    from standard_errors

)

select * from differences
