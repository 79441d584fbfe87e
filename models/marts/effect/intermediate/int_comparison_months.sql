{%- set go_live = "cast('" ~ var('crm_go_live_date') ~ "' as date)" -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

months as (

    select
        periods.period_start,
        periods.period_end,
        extract(month from periods.period_start) as month_of_year,
        {{ dbt.dateadd('hour', 90 * 24, 'periods.period_end_at') }} <= settings.as_of_at as is_ripe

    from {{ ref('int_periods') }} as periods

    cross join settings

    where periods.period_grain = 'month' and periods.is_complete

),

before_months as (

    select
        'before' as window_name,
        period_start,
        month_of_year,
        is_ripe

    from months

    where
        period_end < {{ go_live }}
        and period_start
        >= {{ dbt.dateadd('month', -var('comparison_months'), dbt.date_trunc('month', go_live)) }}

),

-- people need time to get used to it: the first months after go-live are neither before nor after
after_candidates as (

    select
        'after' as window_name,
        period_start,
        month_of_year,
        is_ripe,
        row_number() over (order by period_start desc) as newest_first

    from months

    where period_start >= {{ dbt.dateadd('month', var('ramp_up_months'), go_live) }}

),

after_months as (

    select
        window_name,
        period_start,
        month_of_year,
        is_ripe

    from after_candidates

    where newest_first <= {{ var('comparison_months') }}

),

both_windows as (

    select * from before_months
    union all
    select * from after_months

),

common_months_of_year as (

    select
        before_months.month_of_year,
        min(case when after_months.is_ripe then 1 else 0 end) = 1 as is_ripe

    from before_months

    inner join after_months
        on before_months.month_of_year = after_months.month_of_year

    group by before_months.month_of_year

),

common_count as (

    select count(*) >= {{ var('min_comparison_months') }} as is_same_season from common_months_of_year

),

-- a summer is compared with a summer; where that leaves too little, with what there is, and a warning
final as (

    select
        both_windows.window_name
        || '|' || cast(both_windows.period_start as {{ dbt.type_string() }}) as comparison_month_key,
        both_windows.window_name,
        both_windows.period_start,
        common_months_of_year.month_of_year is not null or not common_count.is_same_season as is_compared,
        case
            when common_count.is_same_season then coalesce(common_months_of_year.is_ripe, false)
            else both_windows.is_ripe
        end as is_compared_ripe,
        common_count.is_same_season

    from both_windows

    cross join common_count

    left join common_months_of_year
        on both_windows.month_of_year = common_months_of_year.month_of_year

)

select * from final
