{%- set go_live = date_var('crm_go_live_date') -%}
{%- set enough = var('min_comparison_months') -%}
{%- set after_ramp_up = dbt.dateadd('month', var('ramp_up_months'), go_live) -%}
{%- set overruled = var('recorded_alike') -%}

with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

settings as (

    select as_of_at from {{ ref('int_run_settings') }}

),

estimates as (

    select * from {{ ref('int_effect_estimates') }}

),

before_windows as (

    select * from {{ ref('metric_windows') }}
    where window_name = 'before'

),

after_windows as (

    select * from {{ ref('metric_windows') }}
    where window_name = 'after'

),

coverage as (

    select
        metric_code,
        record_kind,
        before_coverage,
        after_coverage,
        row_number() over (
            partition by metric_code
            order by
                least(before_coverage, after_coverage)
                / nullif(greatest(before_coverage, after_coverage), 0),
                record_kind,
                request_kind
        ) as most_different_first

    from {{ ref('int_effect_coverage') }}

    where not is_alike

),

-- months that are there and may not be compared, of the window that has fewer
months_left_out as (

    select
        basis,
        metric_code,
        min(compared) as compared,
        min(compared + unripe) as compared_and_unripe,
        min(compared + unsettled) as compared_and_unsettled,
        count(*) as windows

    from (
        select
            basis,
            metric_code,
            window_name,
            count(*) filter (where is_compared) as compared,
            count(*) filter (where is_settled and not is_ripe) as unripe,
            count(*) filter (where not is_settled) as unsettled

        from {{ ref('int_effect_window_months') }}

        group by basis, metric_code, window_name
    ) as by_window

    group by basis, metric_code

),

missing_sources as (

    select distinct metric_code

    from {{ ref('metric_values') }}

    where segment_type = 'all' and value_status = 'source_missing'

),

goals as (

    select * from {{ ref('int_effect_goals') }}

),

price_levels as (

    select count(*) as months from {{ ref('stg_reference__price_index') }}

),

-- the month from which on months count as after
first_month_after as (

    select
        {{ go_live }} as go_live_date,
        cast(
            case
                when
                    {{ dbt.date_trunc('month', after_ramp_up) }} = {{ after_ramp_up }}
                    then {{ after_ramp_up }}
                else {{ dbt.dateadd('month', 1, dbt.date_trunc('month', after_ramp_up)) }}
            end as date
        ) as month_start

),

-- every look at a window that still grows is one more chance to see what is not there
months_since_ramp_up as (

    select count(*) as months

    from {{ ref('int_periods') }}

    where
        period_grain = 'month'
        and is_complete
        and period_start >= (select first_month_after.month_start from first_month_after)

),

judged as (

    select
        metric_catalog.metric_code,
        metric_catalog.name_en,
        metric_catalog.name_ru,
        metric_catalog.unit,
        metric_catalog.better_when,
        metric_catalog.family,
        before_windows.value as before_value,
        after_windows.value as after_value,
        estimates.change,
        estimates.change_ci_low,
        estimates.change_ci_high,
        before_windows.cases as before_n,
        after_windows.cases as after_n,
        estimates.before_months,
        coalesce(after_windows.months, 0) as after_months,
        before_windows.source as before_source,
        estimates.is_exact,
        estimates.is_recorded_alike,
        estimates.is_same_season,
        estimates.months_between,
        estimates.trend_before,
        estimates.trend_before_ci_low,
        estimates.trend_before_ci_high,
        estimates.beyond_trend_ci_low,
        estimates.beyond_trend_ci_high,
        estimates.smallest_detectable_change,
        estimates.wanted_change,
        coalesce(estimates.is_able_to_tell, false) as is_able_to_tell,
        estimates.months_needed,
        estimates.metric_code is not null as is_compared,
        coalesce(estimates.before_months >= {{ enough }}, before_windows.source = 'manual', false)
        and coalesce(after_windows.months >= {{ enough }}, false)
        and before_windows.value is not null
        and after_windows.value is not null as has_months,
        coalesce(
            before_windows.cases >= {{ var('min_sample_size') }}, before_windows.source = 'manual'
        )
        and after_windows.cases >= {{ var('min_sample_size') }} as has_cases,
        -- nothing moves between nothing and nothing, nor between all and all
        coalesce(
            estimates.change = 0
            and (
                before_windows.value = 0
                or (metric_catalog.unit = 'percent' and before_windows.value = 100)
            ),
            false
        ) as is_constant,
        coalesce(after_windows.months >= {{ enough }}, false)
        and coalesce(after_windows.cases >= {{ var('min_sample_size') }}, false) as has_after,
        goals.metric_code is not null as is_goal_set,
        goals.goal_value,
        goals.goal_date,
        goals.is_relative as is_goal_relative,
        goals.is_past as is_goal_past,
        goals.is_reached as is_goal_reached,
        coverage.record_kind as coverage_kind,
        coverage.before_coverage as coverage_before,
        coverage.after_coverage as coverage_after,
        missing_sources.metric_code is not null as is_source_missing,
        months_left_out.windows = 2 and months_left_out.compared_and_unsettled >= {{ enough }}
            as is_history_too_short,
        months_left_out.windows = 2
        and months_left_out.compared_and_unripe >= {{ enough }} as is_too_early,
        -- lost sales are at one price already
        metric_catalog.unit = 'money'
        and metric_catalog.metric_code <> 'lost_sales'
        and estimates.months_between > 12 and price_levels.months = 0
            as is_not_deflated,
        first_month_after.go_live_date,
        first_month_after.month_start as first_month_after,
        months_since_ramp_up.months < {{ var('comparison_months') }} as is_window_growing

    from metric_catalog

    cross join price_levels
    cross join first_month_after
    cross join months_since_ramp_up

    left join estimates
        on metric_catalog.metric_code = estimates.metric_code

    left join before_windows
        on metric_catalog.metric_code = before_windows.metric_code

    left join after_windows
        on metric_catalog.metric_code = after_windows.metric_code

    left join coverage
        on
            metric_catalog.metric_code = coverage.metric_code
            and coverage.most_different_first = 1

    left join goals
        on metric_catalog.metric_code = goals.metric_code

    left join missing_sources
        on metric_catalog.metric_code = missing_sources.metric_code

    left join months_left_out
        on
            metric_catalog.metric_code = months_left_out.metric_code
            and estimates.basis = months_left_out.basis

),

-- money that rises with prices alone is no better and no worse
with_prices as (

    select
        *,
        change_ci_low
        - case
            when is_not_deflated
                then
                    before_value
                    * (power(1 + {{ var('max_yearly_inflation') }}, months_between / 12) - 1)
            else 0
        end as change_ci_low_beyond_prices

    from judged

),

with_status as (

    select
        *,
        case
            when not is_compared then 'no_data'
            when not is_recorded_alike then 'not_comparable'
            when not has_months or not has_cases then 'no_data'
            -- a trend that was there before go-live and would have brought as much by itself
            when
                (
                    trend_before_ci_low > 0
                    and change_ci_low_beyond_prices > 0
                    and change <= trend_before_ci_high * months_between
                )
                or (
                    trend_before_ci_high < 0
                    and change_ci_high < 0
                    and change >= trend_before_ci_low * months_between
                )
                then 'explained_by_trend'
            when
                (change_ci_low_beyond_prices > 0 and better_when = 'higher')
                or (change_ci_high < 0 and better_when = 'lower')
                then 'better'
            when change_ci_low_beyond_prices > 0 or change_ci_high < 0 then 'worse'
            else 'not_distinguishable'
        end as status

    from with_prices

),

with_answer as (

    select
        with_status.*,
        settings.as_of_at,
        cast(
            {{ dbt.dateadd(
                'day',
                follow_up_days('with_status.metric_code'),
                dbt.dateadd('month', 'with_status.months_needed', 'with_status.first_month_after')
            ) }} as date
        ) as could_tell_from,
        with_status.is_able_to_tell or with_status.status in ('better', 'worse') as is_told,
        with_status.status in ('no_data', 'not_comparable') as is_not_judged,
        -- a change from what was recorded differently reaches nothing, nor do a few cases after
        with_status.has_after
        and with_status.is_goal_reached is not null
        and not (
            with_status.is_goal_relative and with_status.status in ('no_data', 'not_comparable')
        ) as is_goal_judged

    from with_status

    cross join settings

),

final as (

    select
        metric_code,
        name_en,
        name_ru,
        unit,
        better_when,
        family,
        before_value,
        after_value,
        change,
        {{ ratio('change', 'before_value', 100) }} as change_pct,
        case when not is_not_judged then change_ci_low end as change_ci_low,
        case when not is_not_judged then change_ci_high end as change_ci_high,
        before_n,
        after_n,
        before_months,
        after_months,
        before_source,
        status,
        case
            when status not in ('better', 'worse') then null
            when
                (change > 0 and beyond_trend_ci_low > 0)
                or (change < 0 and beyond_trend_ci_high < 0)
                then 'strong'
            else 'weak'
        end as evidence,
        not is_not_judged and is_window_growing as is_preliminary,
        case
            when not is_not_judged and is_window_growing
                then
                    cast(
                        {{ dbt.dateadd('month', var('comparison_months'), 'first_month_after') }}
                        as date
                    )
        end as final_from,
        case when not is_not_judged then smallest_detectable_change end
            as smallest_detectable_change,
        wanted_change,
        case
            when not is_told
                then
                    cast(
                        {{ dbt.datediff(
                            dbt.date_trunc('month', 'go_live_date'),
                            'first_month_after',
                            'month'
                        ) }}
                        + months_needed as bigint
                    )
        end as months_to_tell,
        -- a day that is over: the months are there and cannot be compared, so waiting does not help
        case when not is_told and could_tell_from > as_of_at then could_tell_from end
            as can_tell_from,
        case when not is_told then months_needed end as months_to_compare,
        is_able_to_tell,
        not is_not_judged and not is_exact and not is_constant as has_vote,
        goal_value,
        goal_date,
        case
            when not is_goal_set then 'no_goal'
            when is_goal_judged and is_goal_reached then 'met'
            when not is_goal_past then 'on_the_way'
            when is_goal_judged then 'missed'
        end as goal_status,
        trend_before,
        trend_before_ci_low,
        trend_before_ci_high,
        trend_before * months_between as change_expected_by_trend,
        coverage_kind,
        coverage_before,
        coverage_after,
        nullif(
            substring(
                case when not is_compared then ', go_live_missing' else '' end
                || case
                    when is_compared and not is_recorded_alike
                        then
                            ', recorded_differently: ' || coverage_kind
                            || ' '
                            || cast(
                                cast(coverage_before as numeric(18, 2)) as {{ dbt.type_string() }}
                            )
                            || ' before, '
                            || cast(
                                cast(coverage_after as numeric(18, 2)) as {{ dbt.type_string() }}
                            )
                            || ' after'
                    when
                        is_compared
                        and coverage_kind is not null
                        and metric_code in ('response_time', 'lost_sales')
                        and not metric_code in ('{{ (overruled or ["-"]) | join("', '") }}')
                        then ', some_kinds_left_out'
                    else ''
                end
                {%- if overruled %}
                || case
                    when
                        coverage_kind is not null
                        and metric_code in (
                            '{{ overruled | join("', '") }}'
                        )
                        then ', recorded_alike_by_var'
                    else ''
                end
                {%- endif %}
                || case
                    when not is_compared or has_months then ''
                    when is_source_missing then ', source_missing'
                    when is_history_too_short then ', history_too_short'
                    when is_too_early then ', too_early'
                    else ', too_few_months'
                end
                || case when has_months and not has_cases then ', sample_too_small' else '' end
                || case
                    when
                        has_months and has_cases and change_ci_low is null
                        then ', no_interval'
                    else ''
                end
                || case when before_source = 'manual' then ', measured_by_hand' else '' end
                || case
                    when has_months and not is_same_season then ', different_seasons' else ''
                end
                || case
                    when
                        has_months
                        and not is_told
                        and months_needed is null
                        and change_ci_low is not null
                        then ', before_too_uncertain'
                    else ''
                end
                || case when has_months and is_constant then ', constant' else '' end
                || case
                    when has_months and is_not_deflated then ', prices_not_deflated' else ''
                end,
                3
            ),
            ''
        ) as warning

    from with_answer

)

select * from final
