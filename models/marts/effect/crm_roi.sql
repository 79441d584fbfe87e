{%- set go_live = "cast('" ~ var('crm_go_live_date') ~ "' as date)" -%}

with

months as (

    select * from {{ ref('int_effect_revenue_months') }}

),

comparison_months as (

    select * from {{ ref('int_comparison_months') }}
    where is_compared

),

windows as (

    select
        comparison_months.window_name,
        count(*) as months,
        avg(months.leads) as leads,
        {{ ratio('sum(months.closed_deals)', 'sum(months.leads)') }} as closed_per_lead,
        {{ ratio('sum(months.revenue)', 'sum(months.closed_deals)') }} as deal_size,
        avg(months.revenue) as revenue,
        avg(months.crm_cost) as crm_cost

    from comparison_months

    inner join months
        on comparison_months.period_start = months.period_start

    group by comparison_months.window_name

    having count(*) >= {{ var('min_comparison_months') }}

),

-- one factor is changed after the other, so the three parts add up to the whole difference
parts as (

    select
        before_window.months as before_months,
        after_window.months as after_months,
        before_window.revenue as revenue_before,
        after_window.revenue as revenue_after,
        after_window.revenue - before_window.revenue as revenue_change,
        (after_window.leads - before_window.leads) * before_window.closed_per_lead * before_window.deal_size
            as volume_effect,
        after_window.leads * (after_window.closed_per_lead - before_window.closed_per_lead) * before_window.deal_size
            as conversion_effect,
        after_window.leads * after_window.closed_per_lead * (after_window.deal_size - before_window.deal_size)
            as deal_size_effect,
        before_window.crm_cost as crm_cost_before,
        after_window.crm_cost as crm_cost_after

    from windows as before_window

    inner join windows as after_window
        on
            before_window.window_name = 'before'
            and after_window.window_name = 'after'

),

-- from the month of go-live on, the ramp-up included: margin gained so far, less what the CRM cost so far
cumulated as (

    select
        months.period_start,
        sum(
            (months.revenue - parts.revenue_before) * {{ var('gross_margin_rate') }}
            - (months.crm_cost - parts.crm_cost_before)
        ) over (
            order by months.period_start
            rows between unbounded preceding and current row
        ) as gained_so_far

    from months

    inner join parts
        on months.period_start >= {{ dbt.date_trunc('month', go_live) }}

),

last_month_in_the_red as (

    select max(period_start) as period_start

    from cumulated

    where gained_so_far < 0

),

payback as (

    select min(cumulated.period_start) as payback_month

    from cumulated

    cross join last_month_in_the_red

    where
        cumulated.gained_so_far is not null
        and (last_month_in_the_red.period_start is null or cumulated.period_start > last_month_in_the_red.period_start)

),

final as (

    select
        'portal' as roi_key,
        parts.before_months,
        parts.after_months,
        parts.revenue_before,
        parts.revenue_after,
        parts.revenue_change,
        parts.volume_effect,
        parts.conversion_effect,
        parts.deal_size_effect,
        cast({{ var('gross_margin_rate') }} as {{ type_double() }}) as gross_margin_rate,
        parts.revenue_change * {{ var('gross_margin_rate') }} as margin_change,
        parts.crm_cost_before,
        parts.crm_cost_after,
        parts.crm_cost_after - parts.crm_cost_before as crm_cost_change,
        parts.revenue_change * {{ var('gross_margin_rate') }} - (parts.crm_cost_after - parts.crm_cost_before)
            as net_effect,
        payback.payback_month,
        cast({{ dbt.datediff(go_live, 'payback.payback_month', 'month') }} + 1 as bigint) as months_to_payback

    from parts

    cross join payback

)

select * from final
