with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

differences as (

    select * from {{ ref('int_effect_differences') }}

),

trends as (

    select * from {{ ref('int_effect_trends') }}

),

t_quantiles as (

    select * from {{ ref('int_effect_t_quantiles') }}

),

medians as (

    select * from {{ ref('int_effect_medians') }}

),

seasons as (

    select min(case when is_same_season then 1 else 0 end) = 1 as is_same_season

    from {{ ref('int_comparison_months') }}

),

with_intervals as (

    select
        differences.*,
        differences.after_value - differences.before_value as change,
        case
            when differences.is_rate then differences.rate_ci_low
            else
                differences.after_value - differences.before_value
                - t_difference.quantile_975 * differences.standard_error
        end as change_ci_low,
        case
            when differences.is_rate then differences.rate_ci_high
            else
                differences.after_value - differences.before_value
                + t_difference.quantile_975 * differences.standard_error
        end as change_ci_high,
        trends.slope as trend_before,
        trends.slope - t_trend.quantile_975 * trends.slope_standard_error as trend_ci_low,
        trends.slope + t_trend.quantile_975 * trends.slope_standard_error as trend_ci_high,
        trends.months_between

    from differences

    left join t_quantiles as t_difference
        on
            differences.metric_code = t_difference.metric_code
            and t_difference.purpose = 'difference'

    left join trends
        on differences.metric_code = trends.metric_code

    left join t_quantiles as t_trend
        on
            differences.metric_code = t_trend.metric_code
            and t_trend.purpose = 'trend'

),

judged as (

    select
        *,
        before_value is not null
        and after_value is not null
        and (
            -- their cases are months, of which there are enough already
            metric_code in ('cac', 'ltv', 'lost_sales')
            or (
                coalesce(before_n >= {{ var('min_sample_size') }}, true)
                and after_n >= {{ var('min_sample_size') }}
            )
        ) as is_large_enough,
        -- a trend that was there before go-live and would have brought as much by itself
        coalesce(
            (trend_ci_low > 0 and change_ci_low > 0 and change <= trend_ci_high * months_between)
            or (trend_ci_high < 0 and change_ci_high < 0 and change >= trend_ci_low * months_between),
            false
        ) as is_explained_by_trend

    from with_intervals

),

final as (

    select
        metric_catalog.metric_code,
        metric_catalog.name_en,
        metric_catalog.name_ru,
        metric_catalog.unit,
        metric_catalog.better_when,
        metric_catalog.family,
        judged.before_value,
        judged.after_value,
        judged.change,
        {{ ratio('judged.change', 'judged.before_value', 100) }} as change_pct,
        judged.change_ci_low,
        judged.change_ci_high,
        cast(judged.before_n as bigint) as before_n,
        cast(judged.after_n as bigint) as after_n,
        judged.before_source,
        case
            when judged.metric_code is null or not coalesce(judged.is_large_enough, false) then 'no_data'
            when judged.is_explained_by_trend then 'explained_by_trend'
            when
                (judged.change_ci_low > 0 and metric_catalog.better_when = 'higher')
                or (judged.change_ci_high < 0 and metric_catalog.better_when = 'lower')
                then 'better'
            when judged.change_ci_low > 0 or judged.change_ci_high < 0 then 'worse'
            else 'not_distinguishable'
        end as status,
        judged.before_months,
        judged.after_months,
        medians_before.median as before_median,
        medians_before.median_ci_low as before_median_ci_low,
        medians_before.median_ci_high as before_median_ci_high,
        medians_after.median as after_median,
        medians_after.median_ci_low as after_median_ci_low,
        medians_after.median_ci_high as after_median_ci_high,
        judged.trend_before,
        judged.trend_ci_low as trend_before_ci_low,
        judged.trend_ci_high as trend_before_ci_high,
        judged.trend_before * judged.months_between as change_expected_by_trend,
        case
            when judged.metric_code is null then 'too_few_months'
            when not coalesce(judged.is_large_enough, false) then 'sample_too_small'
            when judged.change_ci_low is null then 'no_interval'
            when judged.before_source = 'manual' then 'measured_by_hand'
            when not seasons.is_same_season then 'different_seasons'
        end as warning

    from metric_catalog

    left join judged
        on metric_catalog.metric_code = judged.metric_code

    cross join seasons

    left join medians as medians_before
        on
            judged.metric_code = medians_before.metric_code
            and judged.before_source = 'data'
            and medians_before.window_name = 'before'

    left join medians as medians_after
        on
            judged.metric_code = medians_after.metric_code
            and medians_after.window_name = 'after'

)

select * from final
