{%- set go_live = date_var('crm_go_live_date') -%}
{#- an interval at 95 % lies above 0 by chance in so many cases -#}
{%- set chance_of_a_family = 0.025 -%}
{%- set wrong_of_an_interval = 0.05 -%}
{%- set statuses = [
    'better',
    'worse',
    'not_distinguishable',
    'explained_by_trend',
    'not_comparable',
    'no_data',
] -%}

with

scorecard as (

    select * from {{ ref('crm_scorecard') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

metric_windows as (

    select * from {{ ref('metric_windows') }}
    where months > 0

),

roi as (

    select
        net_effect,
        net_effect_ci_low,
        net_effect_ci_high

    from {{ ref('crm_roi') }}

),

-- metrics of one family are one fact seen several ways: the family has one vote
families as (

    select
        family,
        max(case when has_vote then 1 else 0 end) = 1 as is_comparable,
        count(*) filter (where has_vote and status = 'better') as metrics_better,
        count(*) filter (where has_vote and status = 'worse') as metrics_worse,
        max(case when has_vote and is_able_to_tell then 1 else 0 end) = 1 as is_able_to_tell,
        min(case when has_vote then can_tell_from end) as can_tell_from,
        min(case when has_vote then months_to_compare end) as months_to_compare,
        max(case when not has_vote then warning end) as warning

    from scorecard

    -- a register kept by the company itself votes on nothing, so its lack is no lack
    where family <> 'automation' or has_vote

    group by family

),

level_families as (

    select
        family,
        is_able_to_tell,
        row_number() over (
            order by
                case when is_able_to_tell then 0 else 1 end,
                case when can_tell_from is null then 1 else 0 end,
                can_tell_from,
                family
        ) as soonest_first,
        case when not is_able_to_tell then can_tell_from end as can_tell_from,
        case when not is_able_to_tell then months_to_compare end as months_to_compare,
        count(*) over () as families

    from families

    where is_comparable and metrics_better = metrics_worse

),

-- half of the level families are enough for an answer: the date of the one that makes up the half
level as (

    select
        count(*) filter (where is_able_to_tell) as families_able_to_tell,
        max(case when 2 * soonest_first in (families, families + 1) then can_tell_from end)
            as can_tell_from,
        max(case when 2 * soonest_first in (families, families + 1) then months_to_compare end)
            as months_to_compare

    from level_families

),

family_counts as (

    select
        count(*) filter (where is_comparable) as families_with_data,
        count(*) filter (where is_comparable and metrics_better > metrics_worse) as families_better,
        count(*) filter (where is_comparable and metrics_worse > metrics_better) as families_worse,
        count(*) filter (where is_comparable and metrics_better = metrics_worse) as families_level,
        count(*) filter (where not is_comparable) as families_no_data,
        {{ dbt.listagg(
            "case when not is_comparable then family || ' (' || coalesce(warning, 'no_data') || ')' end",
            "'; '",
            'order by family'
        ) }} as families_missing

    from families

),

metric_counts as (

    select
        {% for status in statuses %}
        count(*) filter (where status = '{{ status }}') as metrics_{{ status }},
        {% endfor %}
        max(case when is_preliminary then 1 else 0 end) = 1 as is_preliminary,
        max(final_from) as final_from,
        {{ wrong_of_an_interval }} * count(*) filter (where has_vote and change_ci_low is not null)
            as lines_expected_wrong

    from scorecard

),

windows as (

    select
        min(case when window_name = 'before' then first_month end) as before_from,
        max(case when window_name = 'before' then last_month end) as before_last_month,
        min(case when window_name = 'after' then first_month end) as after_from,
        max(case when window_name = 'after' then last_month end) as after_last_month

    from metric_windows

    where source = 'data'

),

draws as (

    {% for families in range(0, 10) %}
    select {{ families }} as families
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- binomial: were nothing changed, how often would as many families or more be called better?
chances_of_draws as (

    select
        draws.families,
        cast(factorial(cast(family_counts.families_with_data as integer)) as {{ type_double() }})
        / cast(factorial(draws.families) as {{ type_double() }})
        / cast(
            factorial(cast(family_counts.families_with_data - draws.families as integer))
            as {{ type_double() }}
        )
        * power({{ chance_of_a_family }}, draws.families)
        * power(1 - {{ chance_of_a_family }}, family_counts.families_with_data - draws.families)
            as chance

    from family_counts

    inner join draws
        on
            family_counts.families_better <= draws.families
            and family_counts.families_with_data >= draws.families

    where family_counts.families_with_data > 0

),

chances as (

    select {{ sum_in_order('chance', 'families') }} as chance_under_no_effect from chances_of_draws

),

final as (

    select
        'portal' as verdict_key,
        case
            when
                family_counts.families_with_data < {{ var('min_families_with_data') }}
                then 'not_enough_data'
            when
                roi.net_effect_ci_high < 0
                or (
                    family_counts.families_worse > family_counts.families_better
                    and 2 * family_counts.families_worse >= family_counts.families_with_data
                )
                then 'eats_the_budget'
            when
                family_counts.families_better > family_counts.families_worse
                and 2 * family_counts.families_better >= family_counts.families_with_data
                then 'pays_off'
            when 2 * level.families_able_to_tell >= family_counts.families_level then 'no_effect'
            else 'cannot_tell_yet'
        end as verdict,
        case
            when {{ go_live }} is null then 'go_live_missing'
            when
                family_counts.families_with_data < {{ var('min_families_with_data') }}
                then 'too_few_families'
            when roi.net_effect_ci_high < 0 then 'money'
            else 'families'
        end as reason,
        metric_counts.is_preliminary,
        metric_counts.final_from,
        {{ go_live }} as go_live_date,
        windows.before_from,
        windows.before_last_month,
        windows.after_from,
        windows.after_last_month,
        cast(
            {{ dbt.datediff('windows.before_last_month', 'windows.after_from', 'month') }} as bigint
        )
            as months_between_windows,
        settings.as_of_at,
        family_counts.families_with_data,
        family_counts.families_better,
        family_counts.families_worse,
        family_counts.families_level,
        family_counts.families_no_data,
        family_counts.families_missing,
        level.families_able_to_tell,
        case
            when
                2 * level.families_able_to_tell < family_counts.families_level
                then level.can_tell_from
        end as can_tell_from,
        case
            when
                2 * level.families_able_to_tell < family_counts.families_level
                then level.months_to_compare
        end as months_to_compare,
        metric_counts.metrics_better,
        metric_counts.metrics_worse,
        metric_counts.metrics_not_distinguishable,
        metric_counts.metrics_explained_by_trend,
        metric_counts.metrics_not_comparable,
        metric_counts.metrics_no_data,
        roi.net_effect,
        roi.net_effect_ci_low,
        roi.net_effect_ci_high,
        chances.chance_under_no_effect,
        cast(metric_counts.lines_expected_wrong as {{ type_double() }}) as lines_expected_wrong

    from family_counts

    cross join metric_counts
    cross join level
    cross join windows
    cross join chances
    cross join settings

    left join roi
        on true

)

select * from final
