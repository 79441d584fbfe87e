with

goals as (

    select * from {{ ref('stg_reference__goals') }}

),

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

windows as (

    select * from {{ ref('metric_windows') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

valued as (

    select
        goals.metric_code,
        metric_catalog.better_when,
        windows_after.value as after_value,
        coalesce(
            cast(goals.target_value as {{ type_double() }}),
            windows_before.value
            * (1 + cast(goals.target_change_pct as {{ type_double() }}) / 100)
        ) as goal_value,
        goals.target_date as goal_date,
        goals.target_value is null as is_relative,
        goals.target_date < settings.as_of_date as is_past

    from goals

    inner join metric_catalog
        on goals.metric_code = metric_catalog.metric_code

    cross join settings

    left join windows as windows_before
        on
            goals.metric_code = windows_before.metric_code
            and windows_before.window_name = 'before'

    left join windows as windows_after
        on
            goals.metric_code = windows_after.metric_code
            and windows_after.window_name = 'after'

),

final as (

    select
        metric_code,
        goal_value,
        goal_date,
        is_relative,
        is_past,
        -- a difference in the last digits of a double is none
        case better_when
            when 'higher' then after_value - goal_value
            else goal_value - after_value
        end
        >= -0.000000001 * (abs(after_value) + abs(goal_value)) as is_reached

    from valued

)

select * from final
