{%- set go_live = "cast('" ~ var('crm_go_live_date') ~ "' as date)" -%}

with

months as (

    select
        period_start,
        period_end,
        extract(month from period_start) as month_of_year

    from {{ ref('int_periods') }}

    where period_grain = 'month' and is_complete

),

before_months as (

    select
        'before' as window_name,
        period_start,
        month_of_year

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
        row_number() over (order by period_start desc) as newest_first

    from months

    where period_start >= {{ dbt.dateadd('month', var('ramp_up_months'), go_live) }}

),

after_months as (

    select
        window_name,
        period_start,
        month_of_year

    from after_candidates

    where newest_first <= {{ var('comparison_months') }}

),

both_windows as (

    select * from before_months
    union all
    select * from after_months

),

common_months_of_year as (

    select before_months.month_of_year

    from before_months

    inner join after_months
        on before_months.month_of_year = after_months.month_of_year

    group by before_months.month_of_year

),

common_count as (

    select count(*) as common_months from common_months_of_year

),

-- a summer is compared with a summer; where that leaves too little, with what there is, and a warning
final as (

    select
        both_windows.window_name
        || '|' || cast(both_windows.period_start as {{ dbt.type_string() }}) as comparison_month_key,
        both_windows.window_name,
        both_windows.period_start,
        common_months_of_year.month_of_year is not null
        or common_count.common_months < {{ var('min_comparison_months') }} as is_compared,
        common_count.common_months >= {{ var('min_comparison_months') }} as is_same_season

    from both_windows

    cross join common_count

    left join common_months_of_year
        on both_windows.month_of_year = common_months_of_year.month_of_year

)

select * from final
