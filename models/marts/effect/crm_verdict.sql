with

scorecard as (

    select * from {{ ref('crm_scorecard') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

comparison_months as (

    select * from {{ ref('int_comparison_months') }}

),

-- metrics of one family are one fact seen several ways: the family has one vote
families as (

    select
        family,
        count(*) filter (where status <> 'no_data') as metrics_with_data,
        count(*) filter (where status = 'better') as metrics_better,
        count(*) filter (where status = 'worse') as metrics_worse

    from scorecard

    group by family

),

family_counts as (

    select
        count(*) filter (where metrics_with_data > 0) as families_with_data,
        count(*) filter (where metrics_better > metrics_worse) as families_better,
        count(*) filter (where metrics_worse > metrics_better) as families_worse,
        count(*) filter (where metrics_with_data > 0 and metrics_better = metrics_worse) as families_level,
        count(*) filter (where metrics_with_data = 0) as families_no_data

    from families

),

metric_counts as (

    select
        count(*) filter (where status = 'better') as metrics_better,
        count(*) filter (where status = 'worse') as metrics_worse,
        count(*) filter (where status = 'not_distinguishable') as metrics_not_distinguishable,
        count(*) filter (where status = 'explained_by_trend') as metrics_explained_by_trend,
        count(*) filter (where status = 'no_data') as metrics_no_data

    from scorecard

),

windows as (

    select
        min(period_start) filter (where window_name = 'before' and is_compared) as before_from,
        max(period_start) filter (where window_name = 'before' and is_compared) as before_last_month,
        min(period_start) filter (where window_name = 'after' and is_compared) as after_from,
        max(period_start) filter (where window_name = 'after' and is_compared) as after_last_month

    from comparison_months

),

-- a fair coin for each family that changed: how often would as many or more fall on better?
tosses as (

    {% for heads in range(0, 9) %}
    select {{ heads }} as heads
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

changed_families as (

    select
        families_better,
        cast(families_better + families_worse as integer) as families

    from family_counts

    where families_better + families_worse > 0

),

luck as (

    select
        sum(
            cast(factorial(changed_families.families) as {{ type_double() }})
            / cast(factorial(tosses.heads) as {{ type_double() }})
            / cast(factorial(changed_families.families - tosses.heads) as {{ type_double() }})
            / power(2, changed_families.families)
        ) as chance_of_verdict_by_luck

    from changed_families

    inner join tosses
        on
            changed_families.families_better <= tosses.heads
            and changed_families.families >= tosses.heads

),

final as (

    select
        'portal' as verdict_key,
        case
            when family_counts.families_with_data < {{ var('min_families_with_data') }} then 'not_enough_data'
            when
                family_counts.families_better > family_counts.families_worse
                and 2 * family_counts.families_better >= family_counts.families_with_data
                then 'pays_off'
            else 'no_effect_yet'
        end as verdict,
        cast('{{ var("crm_go_live_date") }}' as date) as go_live_date,
        windows.before_from,
        windows.before_last_month,
        windows.after_from,
        windows.after_last_month,
        settings.as_of_at,
        family_counts.families_with_data,
        family_counts.families_better,
        family_counts.families_worse,
        family_counts.families_level,
        family_counts.families_no_data,
        metric_counts.metrics_better,
        metric_counts.metrics_worse,
        metric_counts.metrics_not_distinguishable,
        metric_counts.metrics_explained_by_trend,
        metric_counts.metrics_no_data,
        luck.chance_of_verdict_by_luck

    from family_counts

    cross join metric_counts
    cross join windows
    cross join luck
    cross join settings

)

select * from final
