{%- set go_live = date_var('crm_go_live_date') -%}
{%- set parts = [
    'revenue_change', 'volume_effect', 'conversion_effect', 'deal_size_effect',
    'marketing_cost_change', 'salary_cost_change', 'other_cost_change',
] -%}
{%- set by_trend
    = 'coalesce(before_go_live.revenue_trend * estimates.months_between * total.gross_margin_rate, 0)' -%}

with

before_go_live as (

    select * from {{ ref('int_effect_money_before') }}

),

months as (

    select * from {{ ref('crm_roi_months') }}

),

estimates as (

    select * from {{ ref('int_effect_estimates') }}
    where metric_code = 'net_effect'

),

price_levels as (

    select count(*) as months from {{ ref('stg_reference__price_index') }}

),

after_go_live as (

    select
        count(*) as months,
        {{ sum_in_order('revenue', 'month_start') }} / count(*) as revenue,
        {% for part in parts %}
        {{ sum_in_order(part, 'month_start') }} / count(*) as {{ part }},
        {% endfor %}
        {{ sum_in_order('crm_cost', 'month_start') }} / count(*) as crm_cost

    from months

    where is_compared

    having count(*) >= {{ var('min_comparison_months') }}

),

total as (

    select * from months
    order by month_start desc
    limit 1

),

-- what a company earned before, it earns again at higher prices, and a loss grows likewise: where
-- no index tells them from an effect, the interval holds both
prices as (

    select
        price_levels.months = 0 and estimates.months_between > 12 as is_not_deflated,
        case
            when price_levels.months = 0 and estimates.months_between > 12
                then
                    power(1 + {{ var('max_yearly_inflation') }}, estimates.months_between / 12) - 1
            else 0
        end as rise

    from estimates

    cross join price_levels

),

-- nor does it count as won (lost) what leads that grew (fell) before go-live would have brought
effects as (

    select
        -- null where the months know none
        case
            when total.net_effect_so_far is not null
                then estimates.change - total.crm_cost_so_far / total.months_so_far
        end as net_effect,
        estimates.change - estimates.change_ci_low
        + prices.rise * greatest(estimates.before_value, 0)
        + greatest({{ by_trend }}, 0) as to_low,
        estimates.change_ci_high - estimates.change
        + prices.rise * greatest(-estimates.before_value, 0)
        + greatest(-{{ by_trend }}, 0) as to_high

    from estimates

    cross join total
    cross join prices
    cross join before_go_live

),

by_scenario as (

    {% for scenario, shift in [('known', '0'), ('earliest', 'to_high'), ('latest', '-to_low')] %}
    select
        '{{ scenario }}' as scenario,
        months.month_start,
        months.net_effect_so_far + {{ shift }} * months.months_so_far as gained_so_far

    from months

    cross join effects
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

last_month_in_the_red as (

    select
        scenario,
        max(month_start) as month_start

    from by_scenario

    where gained_so_far < 0

    group by scenario

),

paybacks as (

    select
        min(case when by_scenario.scenario = 'known' then by_scenario.month_start end)
            as known_month,
        min(case when by_scenario.scenario = 'earliest' then by_scenario.month_start end)
            as earliest_month,
        min(case when by_scenario.scenario = 'latest' then by_scenario.month_start end)
            as latest_month

    from by_scenario

    left join last_month_in_the_red
        on by_scenario.scenario = last_month_in_the_red.scenario

    where
        by_scenario.gained_so_far is not null
        and (
            last_month_in_the_red.month_start is null
            or by_scenario.month_start > last_month_in_the_red.month_start
        )

),

judged as (

    select
        before_go_live.months as before_months,
        after_go_live.months as after_months,
        before_go_live.revenue as revenue_before,
        after_go_live.revenue as revenue_after,
        {% for part in parts %}
        after_go_live.{{ part }},
        {% endfor %}
        before_go_live.crm_cost as crm_cost_before,
        before_go_live.revenue_trend,
        after_go_live.crm_cost as crm_cost_after,
        total.gross_margin_rate,
        total.crm_cost_so_far,
        total.months_so_far,
        total.margin_so_far,
        total.added_cost_so_far,
        total.net_effect_so_far,
        estimates.is_recorded_alike,
        estimates.is_same_season,
        prices.is_not_deflated,
        effects.net_effect,
        effects.net_effect - effects.to_low as net_effect_ci_low,
        effects.net_effect + effects.to_high as net_effect_ci_high,
        -- a sum that is above zero by chance has paid nothing back
        case when effects.net_effect - effects.to_low > 0 then paybacks.known_month end
            as payback_month,
        case when effects.net_effect + effects.to_high > 0 then paybacks.earliest_month end
            as payback_earliest,
        case when effects.net_effect - effects.to_low > 0 then paybacks.latest_month end
            as payback_latest

    from before_go_live

    cross join after_go_live
    cross join total
    cross join estimates
    cross join effects
    cross join paybacks
    cross join prices

),

final as (

    select
        'portal' as roi_key,
        before_months,
        after_months,
        revenue_before,
        revenue_after,
        {% for part in parts %}
        {{ part }},
        {% endfor %}
        gross_margin_rate,
        revenue_change * gross_margin_rate as margin_change,
        crm_cost_before,
        crm_cost_after,
        crm_cost_so_far / months_so_far as crm_cost_a_month,
        net_effect,
        net_effect_ci_low,
        net_effect_ci_high,
        months_so_far as months_since_go_live,
        margin_so_far as margin_change_total,
        added_cost_so_far as added_cost_total,
        crm_cost_so_far as crm_cost_total,
        net_effect_so_far as net_effect_total,
        {{ ratio('net_effect_so_far', 'crm_cost_so_far', 100) }} as roi_pct,
        payback_month,
        payback_earliest,
        payback_latest,
        cast(
            {{ dbt.datediff(go_live, 'payback_month', 'month') }} + 1 as bigint
        ) as months_to_payback,
        case
            when gross_margin_rate is null then 'margin_unknown'
            when crm_cost_so_far is null then 'crm_cost_unknown'
            when not is_recorded_alike then 'costs_recorded_differently'
            when not is_same_season then 'different_seasons'
            when is_not_deflated then 'prices_not_deflated'
            when revenue_trend is not null then 'leads_on_their_way'
        end as warning

    from judged

)

select * from final
