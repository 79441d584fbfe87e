{%- set go_live = date_var('crm_go_live_date') -%}

with

months as (

    select
        period_start,
        period_end

    from {{ ref('int_periods') }}

    where period_grain = 'month' and is_complete

),

before_months as (

    select
        'before' as window_name,
        period_start

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
        row_number() over (order by period_start {{ 'desc' if var('after_window') == 'last' }}) as month_number

    from months

    where period_start >= {{ dbt.dateadd('month', var('ramp_up_months'), go_live) }}

),

window_months as (

    select
        window_name,
        period_start

    from before_months

    union all

    select
        window_name,
        period_start

    from after_candidates

    where month_number <= {{ var('comparison_months') }}

),

-- what was measured of a metric in a month is ripe and settled whatever the kind of request
metric_months as (

    select
        basis,
        metric_code,
        period_start,
        min(case when is_ripe then 1 else 0 end) = 1 as is_ripe,
        min(case when is_settled then 1 else 0 end) = 1 as is_settled

    from {{ ref('int_effect_months') }}

    group by basis, metric_code, period_start

),

in_windows as (

    select
        metric_months.basis,
        metric_months.metric_code,
        window_months.window_name,
        window_months.period_start,
        date_part('month', window_months.period_start) as month_of_year,
        metric_months.is_ripe,
        metric_months.is_settled

    from window_months

    inner join metric_months
        on window_months.period_start = metric_months.period_start

),

common_months_of_year as (

    select
        basis,
        metric_code,
        month_of_year

    from in_windows

    where is_ripe and is_settled

    group by basis, metric_code, month_of_year

    having count(distinct window_name) = 2

),

common_counts as (

    select
        basis,
        metric_code,
        count(*) >= {{ var('min_comparison_months') }} as is_same_season

    from common_months_of_year

    group by basis, metric_code

),

-- a summer is compared with a summer; where that leaves too little, with what there is, and a warning
final as (

    select
        in_windows.basis
        || '|' || in_windows.metric_code
        || '|' || in_windows.window_name
        || '|' || cast(in_windows.period_start as {{ dbt.type_string() }}) as window_month_key,
        in_windows.basis,
        in_windows.metric_code,
        in_windows.window_name,
        in_windows.period_start,
        in_windows.is_ripe,
        in_windows.is_settled,
        count(case when in_windows.is_ripe and in_windows.is_settled then 1 end) over (
            partition by in_windows.basis, in_windows.metric_code, in_windows.window_name
        ) as comparable_months,
        coalesce(common_counts.is_same_season, false) as is_same_season,
        in_windows.is_ripe
        and in_windows.is_settled
        and (common_months_of_year.month_of_year is not null or not coalesce(common_counts.is_same_season, false))
            as is_compared

    from in_windows

    left join common_counts
        on
            in_windows.basis = common_counts.basis
            and in_windows.metric_code = common_counts.metric_code

    left join common_months_of_year
        on
            in_windows.basis = common_months_of_year.basis
            and in_windows.metric_code = common_months_of_year.metric_code
            and in_windows.month_of_year = common_months_of_year.month_of_year

)

select * from final
