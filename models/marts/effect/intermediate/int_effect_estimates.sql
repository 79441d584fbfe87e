{%- set go_live = date_var('crm_go_live_date') -%}
{%- set full = var('comparison_months') -%}
{%- set enough = var('min_comparison_months') -%}
{#- a change of this share is what an owner would want to see who has set no goal -#}
{%- set wanted_share = 0.2 -%}
{#- nobody waits longer -#}
{%- set longest_wait_months = 120 -%}
{%- set full_months_a_window
    = '((coalesce(full_before_months, ' ~ full ~ ') + ' ~ full ~ ') / cast(2 as ' ~ type_double() ~ '))' -%}
{%- set no_number = 'cast(null as ' ~ type_double() ~ ')' -%}

with

metric_codes as (

    select
        metric_code,
        unit,
        better_when

    from {{ ref('stg_reference__metric_catalog') }}

    union all

    select
        'net_effect' as metric_code,
        'money' as unit,
        'higher' as better_when

),

samples as (

    select * from {{ ref('int_effect_samples') }}

),

goals as (

    select * from {{ ref('stg_reference__goals') }}

),

student_t as (

    select * from {{ ref('stg_reference__student_t') }}

),

-- a baseline of lost sales is the loss of its whole time; published are months
baselines as (

    select
        metric_code,
        case
            when metric_code = 'lost_sales' and period_start is not null and period_end is not null
                then
                    cast(baseline_value as {{ type_double() }})
                    / ({{ dbt.datediff('period_start', 'period_end', 'month') }} + 1)
            else cast(baseline_value as {{ type_double() }})
        end as value,
        cast(sample_size as {{ type_double() }}) as cases,
        cast(std_dev as {{ type_double() }}) as std_dev,
        period_start as first_month,
        period_end as last_month

    from {{ ref('stg_reference__manual_baseline') }}

),

-- the best source of before: data that can be compared, else what was measured by hand
choices as (

    select
        metric_codes.metric_code,
        metric_codes.unit,
        metric_codes.better_when,
        baselines.metric_code is not null
        and not coalesce(
            before_samples.months >= {{ enough }} and before_samples.is_recorded_alike, false
        )
        and not (
            metric_codes.metric_code = 'automation_level'
            and coalesce(registers.months >= {{ enough }}, false)
        )
            as is_manual,
        metric_codes.metric_code = 'automation_level'
        and not coalesce(
            before_samples.months >= {{ enough }} and after_samples.months >= {{ enough }}, false
        )
            as is_register

    from metric_codes

    left join baselines
        on metric_codes.metric_code = baselines.metric_code

    left join samples as before_samples
        on
            metric_codes.metric_code = before_samples.metric_code
            and before_samples.basis = 'comparable'
            and before_samples.window_name = 'before'

    left join samples as after_samples
        on
            metric_codes.metric_code = after_samples.metric_code
            and after_samples.basis = 'comparable'
            and after_samples.window_name = 'after'

    left join samples as registers
        on
            metric_codes.metric_code = registers.metric_code
            and registers.basis = 'article'
            and registers.window_name = 'before'

),

paired as (

    select
        choices.metric_code,
        choices.unit,
        choices.better_when,
        case
            when choices.is_manual then 'manual'
            when before_samples.is_from_journal then 'journal'
            else 'data'
        end as before_source,
        case when choices.is_manual or choices.is_register then 'article' else 'comparable' end
            as basis,
        choices.is_register as is_exact,
        coalesce(after_samples.is_recorded_alike, before_samples.is_recorded_alike, true)
        or choices.is_manual
            as is_recorded_alike,
        coalesce(before_samples.is_same_season, false)
        and coalesce(after_samples.is_same_season, false)
        or choices.is_manual as is_same_season,
        case when choices.is_manual then baselines.value else before_samples.value end
            as before_value,
        after_samples.value as after_value,
        case when not choices.is_manual then before_samples.numerator end as before_numerator,
        case when not choices.is_manual then before_samples.denominator end as before_denominator,
        after_samples.numerator as after_numerator,
        after_samples.denominator as after_denominator,
        case when not choices.is_manual then before_samples.months end as before_months,
        after_samples.months as after_months,
        case when choices.is_manual then baselines.first_month else before_samples.first_month end
            as before_first_month,
        case when choices.is_manual then baselines.last_month else before_samples.last_month end
            as before_last_month,
        after_samples.first_month as after_first_month,
        after_samples.last_month as after_last_month,
        case when choices.is_manual then baselines.cases else before_samples.cases end
            as before_cases,
        after_samples.cases as after_cases,
        case
            when not choices.is_manual then before_samples.variance
            when
                baselines.std_dev is not null
                then baselines.std_dev * baselines.std_dev / nullif(baselines.cases, 0)
            when
                choices.unit = 'percent'
                and not choices.is_register
                and baselines.value between 0 and 100
                then baselines.value * (100 - baselines.value) / nullif(baselines.cases, 0)
        end as before_variance,
        after_samples.variance as after_variance,
        case when choices.is_manual then baselines.cases else before_samples.months end
        - 1 as before_freedom,
        after_samples.months - 1 as after_freedom,
        -- months of before that wait for their twins in the window after; a baseline by hand has
        -- none
        case when choices.is_manual then null else before_samples.comparable_months end
            as full_before_months,
        case when choices.is_manual then 0 else coalesce(before_samples.lagged_products, 0) end
        + coalesce(after_samples.lagged_products, 0) as lagged_products,
        case when choices.is_manual then 0 else coalesce(before_samples.products_base, 0) end
        + coalesce(after_samples.products_base, 0) as products_base,
        {{ ratio(
            'case when choices.is_manual then after_samples.months'
            ~ ' else coalesce(before_samples.months, after_samples.months) + coalesce(after_samples.months, before_samples.months) end',
            'case when choices.is_manual then 1 else 2 end'
        ) }} as months_a_window,
        case when not choices.is_manual then before_samples.mean_month end as before_mean_month,
        after_samples.mean_month as after_mean_month,
        case when not choices.is_manual then before_samples.weight end as before_weight,
        after_samples.weight as after_weight,
        case when not choices.is_manual then before_samples.slope end as before_slope,
        case when not choices.is_manual then before_samples.sxx end as before_sxx,
        case
            when
                not choices.is_manual and before_samples.slope is not null
                then before_samples.squares_around_line
        end
        + case when after_samples.slope is not null then after_samples.squares_around_line end
            as squares_around_lines

    from choices

    left join baselines
        on choices.metric_code = baselines.metric_code

    left join samples as before_samples
        on
            choices.metric_code = before_samples.metric_code
            and before_samples.basis
            = case
                when choices.is_manual or choices.is_register then 'article' else 'comparable'
            end
            and before_samples.window_name = 'before'

    left join samples as after_samples
        on
            choices.metric_code = after_samples.metric_code
            and after_samples.basis
            = case
                when choices.is_manual or choices.is_register then 'article' else 'comparable'
            end
            and after_samples.window_name = 'after'

    where {{ go_live }} is not null

),

-- months hang together: the lag-1 autocorrelation, freed of its small-sample bias (Kendall 1954;
-- Marriott and Pope 1954)
with_autocorrelation as (

    select
        *,
        coalesce(cast(lagged_products as {{ type_double() }}) / nullif(products_base, 0), 0)
            as raw_autocorrelation

    from paired

),

with_correction as (

    select
        *,
        {{ autocorrelation('raw_autocorrelation', 'months_a_window') }} as autocorrelation,
        -- what it will be once the window after is full
        {{ autocorrelation('raw_autocorrelation', full_months_a_window) }} as full_autocorrelation

    from with_autocorrelation

),

with_factor as (

    select
        *,
        {{ variance_factor('autocorrelation') }} as variance_factor,
        {{ variance_factor('full_autocorrelation') }} as full_variance_factor,
        case
            -- without data after go-live, its months are taken to vary as those before
            when
                after_variance is null and after_months is null
                then before_variance * before_months
            else after_variance * after_months
        end as after_variance_of_a_month

    from with_correction

),

with_goal as (

    select
        with_factor.*,
        coalesce(
            cast(goals.target_value as {{ type_double() }}) - with_factor.before_value,
            with_factor.before_value * cast(goals.target_change_pct as {{ type_double() }}) / 100
        )
        * case with_factor.better_when when 'higher' then 1 else -1 end as goal_improvement

    from with_factor

    left join goals
        on with_factor.metric_code = goals.metric_code

),

with_error as (

    select
        *,
        -- a goal that was met before is no change to look for
        case
            when goal_improvement > 0 then goal_improvement
            else {{ wanted_share }} * abs(before_value)
        end as wanted_change,
        sqrt(variance_factor * (before_variance + after_variance)) as standard_error,
        greatest(
            case
                when before_variance + after_variance > 0
                    then
                        (before_variance + after_variance) * (before_variance + after_variance)
                        / (
                            before_variance * before_variance / nullif(before_freedom, 0)
                            + after_variance * after_variance / nullif(after_freedom, 0)
                        )
                else coalesce(before_freedom, 0) + coalesce(after_freedom, 0)
            end / variance_factor,
            2
        ) as degrees_of_freedom,
        case
            when
                abs(after_value - before_value)
                > 0.000000001 * (abs(after_value) + abs(before_value))
                then after_value - before_value
            when after_value is not null and before_value is not null then 0
        end as change,
        before_variance
        * coalesce({{ ratio('before_months', 'full_before_months') }}, 1) as full_before_variance,
        greatest(
            (coalesce(full_before_months - 1, before_freedom) + {{ full }} - 1)
            / full_variance_factor,
            2
        ) as full_degrees_of_freedom,
        after_mean_month - before_mean_month as months_between,
        -- level and slope on either side, with one variance
        variance_factor
        * squares_around_lines
        / nullif(before_months + after_months - 4, 0) as variance_around_lines,
        greatest((before_months + after_months - 4) / variance_factor, 2)
            as trend_degrees_of_freedom

    from with_goal

),

with_trend as (

    select
        *,
        change - before_slope * months_between as change_beyond_trend,
        sqrt(
            variance_around_lines
            * (1 / before_weight + 1 / after_weight + months_between * months_between / before_sxx)
        ) as error_beyond_trend,
        case when before_months >= 4 then sqrt(variance_around_lines / before_sxx) end
            as slope_error

    from with_error

    where before_sxx > 0 and before_weight > 0 and after_weight > 0

    union all

    select
        *,
        {{ no_number }} as change_beyond_trend,
        {{ no_number }} as error_beyond_trend,
        {{ no_number }} as slope_error

    from with_error

    where not coalesce(before_sxx > 0 and before_weight > 0 and after_weight > 0, false)

),

with_quantiles as (

    select
        with_trend.*,
        {{ student_t_quantile('of_change', '1 / with_trend.degrees_of_freedom', '975') }}
            as quantile_975,
        {{ student_t_quantile('of_change', '1 / with_trend.degrees_of_freedom', '800') }}
            as quantile_800,
        {{ student_t_quantile('of_full', '1 / with_trend.full_degrees_of_freedom', '975') }}
        + {{ student_t_quantile('of_full', '1 / with_trend.full_degrees_of_freedom', '800') }}
            as full_quantiles,
        {{ student_t_quantile('of_trend', '1 / with_trend.trend_degrees_of_freedom', '975') }}
            as trend_quantile_975

    from with_trend
    {% for segment, freedom in [
        ('of_change', 'degrees_of_freedom'),
        ('of_full', 'full_degrees_of_freedom'),
        ('of_trend', 'trend_degrees_of_freedom'),
    ] %}
    -- the last segment has its end as well: two degrees of freedom
    left join student_t as {{ segment }}
        on
            1 / with_trend.{{ freedom }} >= {{ segment }}.inverse_df
            and 1 / with_trend.{{ freedom }}
            < case
                when {{ segment }}.next_inverse_df >= 0.5 then 1 else {{ segment }}.next_inverse_df
            end
    {% endfor %}
),

-- how many months after go-live would bring the error down to where the change wanted is seen in 80
-- % of cases: months before take part as their twins come, and once all have come, only after grows
with_need as (

    select
        *,
        (quantile_975 + quantile_800) * standard_error as smallest_detectable_change,
        {{ variance_allowed('wanted_change', 'full_quantiles', 'full_variance_factor') }}
            as variance_allowed

    from with_quantiles

),

with_months_needed as (

    select
        *,
        {{ months_needed(
            'full_before_variance',
            'full_before_months',
            'after_variance_of_a_month',
            'variance_allowed'
        ) }} as months_needed

    from with_need

),

final as (

    select
        metric_code,
        unit,
        basis,
        before_source,
        is_exact,
        is_recorded_alike,
        is_same_season,
        before_value,
        after_value,
        before_numerator,
        before_denominator,
        after_numerator,
        after_denominator,
        before_months,
        after_months,
        before_first_month,
        before_last_month,
        after_first_month,
        after_last_month,
        before_cases,
        after_cases,
        autocorrelation,
        degrees_of_freedom,
        standard_error,
        change,
        change - quantile_975 * standard_error as change_ci_low,
        change + quantile_975 * standard_error as change_ci_high,
        months_between,
        before_slope as trend_before,
        before_slope - trend_quantile_975 * slope_error as trend_before_ci_low,
        before_slope + trend_quantile_975 * slope_error as trend_before_ci_high,
        change_beyond_trend - trend_quantile_975 * error_beyond_trend as beyond_trend_ci_low,
        change_beyond_trend + trend_quantile_975 * error_beyond_trend as beyond_trend_ci_high,
        smallest_detectable_change,
        wanted_change,
        coalesce(smallest_detectable_change <= wanted_change, false) as is_able_to_tell,
        case
            when
                months_needed <= {{ longest_wait_months }}
                then greatest(cast(ceil(months_needed) as bigint), {{ enough }})
        end
            as months_needed

    from with_months_needed

)

select * from final
