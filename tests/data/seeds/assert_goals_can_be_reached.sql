-- Two targets contradict each other, none is no goal, and a change for the worse is met by doing
-- nothing.
with

goals as (

    select
        goals.*,
        metric_catalog.unit,
        metric_catalog.better_when

    from {{ ref('stg_reference__goals') }} as goals

    inner join {{ ref('stg_reference__metric_catalog') }} as metric_catalog
        on goals.metric_code = metric_catalog.metric_code

),

problems as (

    select
        metric_code as row_key,
        'give either target_value or target_change_pct' as problem

    from goals

    where (target_value is null) = (target_change_pct is null)

    union all

    select
        metric_code as row_key,
        'target_value must not be negative, nor a percentage above 100' as problem

    from goals

    where target_value < 0 or (unit = 'percent' and target_value > 100)

    union all

    select
        metric_code as row_key,
        'target_change_pct is a change for the worse, or takes more than all there is' as problem

    from goals

    where
        (better_when = 'higher' and target_change_pct <= 0)
        or (better_when = 'lower' and target_change_pct >= 0)
        or target_change_pct < -100

)

select
    'goals' as seed,
    row_key,
    problem

from problems
