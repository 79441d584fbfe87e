{%- set go_live = date_var('crm_go_live_date') -%}
{%- set margin = var('gross_margin_rate') -%}
{%- set cost_types = ['marketing', 'salary', 'other'] -%}

with

months as (

    select * from {{ ref('int_effect_money_months') }}

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where basis = 'comparable' and metric_code = 'net_effect' and is_compared

),

estimates as (

    select * from {{ ref('int_effect_estimates') }}
    where metric_code = 'net_effect'

),

settings as (

    select
        *,
        cast(nullif('{{ margin }}', '') as {{ type_double() }}) as gross_margin_rate

    from {{ ref('int_run_settings') }}

),

span as (

    select * from {{ ref('int_data_span') }}

),

crm_costs as (

    select * from {{ ref('stg_reference__costs') }}
    where cost_type = 'crm'

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

price_levels as (

    select count(*) as months from {{ ref('stg_reference__price_index') }}

),

windows as (

    select
        window_months.window_name,
        count(*) as months,
        {{ sum_in_order('months.leads', 'months.period_start') }} / count(*) as leads,
        {{ ratio(
            sum_in_order('months.closed_deals', 'months.period_start'),
            sum_in_order('months.leads', 'months.period_start')
        ) }} as closed_per_lead,
        {{ ratio(
            sum_in_order('months.revenue', 'months.period_start'),
            sum_in_order('months.closed_deals', 'months.period_start')
        ) }} as deal_size,
        {{ sum_in_order('months.revenue', 'months.period_start') }} / count(*) as revenue,
        {% for cost_type in cost_types %}
        {{ sum_in_order('months.' ~ cost_type ~ '_cost', 'months.period_start') }}
        / count(*) as {{ cost_type }}_cost,
        {% endfor %}
        {{ sum_in_order('months.crm_cost', 'months.period_start') }} / count(*) as crm_cost

    from window_months

    inner join months
        on window_months.period_start = months.period_start

    group by window_months.window_name

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
        (after_window.leads - before_window.leads)
        * before_window.closed_per_lead
        * before_window.deal_size
            as volume_effect,
        after_window.leads
        * (after_window.closed_per_lead - before_window.closed_per_lead)
        * before_window.deal_size
            as conversion_effect,
        after_window.leads
        * after_window.closed_per_lead
        * (after_window.deal_size - before_window.deal_size)
            as deal_size_effect,
        {% for cost_type in cost_types %}
        before_window.{{ cost_type }}_cost as {{ cost_type }}_cost_before,
        after_window.{{ cost_type }}_cost
        - before_window.{{ cost_type }}_cost as {{ cost_type }}_cost_change,
        {% endfor %}
        before_window.crm_cost as crm_cost_before,
        after_window.crm_cost as crm_cost_after

    from windows as before_window

    inner join windows as after_window
        on
            before_window.window_name = 'before'
            and after_window.window_name = 'after'

),

-- a CRM is paid for before it runs, and before the first record of it: these days are in no month
early_crm_costs as (

    select
        crm_costs.cost_id,
        cast(crm_costs.amount as {{ type_double() }}) * exchange_rates.rate
        * greatest(
            least(
                {{ dbt.datediff('crm_costs.date_from', 'span.first_month', 'day') }},
                {{ dbt.datediff('crm_costs.date_from', 'crm_costs.date_to', 'day') }} + 1
            ),
            0
        )
        / ({{ dbt.datediff('crm_costs.date_from', 'crm_costs.date_to', 'day') }} + 1) as amount

    from crm_costs

    cross join span
    cross join settings

    left join exchange_rates
        on
            coalesce(crm_costs.currency, settings.base_currency) = exchange_rates.currency
            and crm_costs.date_from >= exchange_rates.valid_from
            and crm_costs.date_from < exchange_rates.valid_before

),

crm_cost_before_the_data as (

    select
        count(*) as costs,
        coalesce({{ sum_in_order('amount', 'cost_id') }}, 0) as amount

    from early_crm_costs

),

first_prices as (

    select price_factor

    from months

    order by period_start

    limit 1

),

with_crm_cost as (

    select
        months.*,
        crm_cost_before_the_data.amount * first_prices.price_factor
        + sum(months.crm_cost) over (
            order by months.period_start
            rows between unbounded preceding and current row
        ) as crm_cost_so_far

    from months

    cross join crm_cost_before_the_data
    cross join first_prices

),

-- from the month of go-live on, the ramp-up included: what was gained so far against an average
-- month before
cumulated as (

    select
        with_crm_cost.period_start,
        cast(row_number() over (order by with_crm_cost.period_start) as bigint) as months_so_far,
        with_crm_cost.crm_cost_so_far,
        sum(
            {% for cost_type in cost_types %}
            with_crm_cost.{{ cost_type }}_cost - parts.{{ cost_type }}_cost_before
            {{ '+' if not loop.last }}
            {% endfor %}
        ) over so_far as added_cost_so_far,
        sum(with_crm_cost.revenue - parts.revenue_before) over so_far * settings.gross_margin_rate
            as margin_so_far

    from with_crm_cost

    inner join parts
        on with_crm_cost.period_start >= {{ dbt.date_trunc('month', go_live) }}

    cross join settings

    window so_far as (
        order by with_crm_cost.period_start
        rows between unbounded preceding and current row
    )

),

total as (

    select *

    from cumulated

    order by period_start desc

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

effects as (

    select
        case
            when
                settings.gross_margin_rate is not null
                and estimates.is_recorded_alike
                and crm_cost_before_the_data.costs > 0
                then estimates.change - total.crm_cost_so_far / total.months_so_far
        end as net_effect,
        estimates.change - estimates.change_ci_low
        + prices.rise * greatest(estimates.before_value, 0) as to_low,
        estimates.change_ci_high - estimates.change
        + prices.rise * greatest(-estimates.before_value, 0) as to_high

    from estimates

    cross join total
    cross join settings
    cross join crm_cost_before_the_data
    cross join prices

),

scenarios as (

    select
        'known' as scenario,
        cast(0 as {{ type_double() }}) as shift

    union all

    select
        'earliest' as scenario,
        to_high as shift

    from effects

    union all

    select
        'latest' as scenario,
        -to_low as shift

    from effects

),

by_scenario as (

    select
        scenarios.scenario,
        cumulated.period_start,
        cumulated.margin_so_far - cumulated.added_cost_so_far - cumulated.crm_cost_so_far
        + scenarios.shift * cumulated.months_so_far as gained_so_far

    from cumulated

    cross join scenarios

),

last_month_in_the_red as (

    select
        scenario,
        max(period_start) as period_start

    from by_scenario

    where gained_so_far < 0

    group by scenario

),

paybacks as (

    select
        min(case when by_scenario.scenario = 'known' then by_scenario.period_start end)
            as known_month,
        min(case when by_scenario.scenario = 'earliest' then by_scenario.period_start end)
            as earliest_month,
        min(case when by_scenario.scenario = 'latest' then by_scenario.period_start end)
            as latest_month

    from by_scenario

    left join last_month_in_the_red
        on by_scenario.scenario = last_month_in_the_red.scenario

    where
        by_scenario.gained_so_far is not null
        and (
            last_month_in_the_red.period_start is null
            or by_scenario.period_start > last_month_in_the_red.period_start
        )

),

judged as (

    select
        parts.*,
        settings.gross_margin_rate,
        total.crm_cost_so_far,
        total.months_so_far,
        total.margin_so_far,
        total.added_cost_so_far,
        crm_cost_before_the_data.costs > 0 as has_crm_cost,
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

    from parts

    cross join settings
    cross join total
    cross join crm_cost_before_the_data
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
        revenue_change,
        volume_effect,
        conversion_effect,
        deal_size_effect,
        gross_margin_rate,
        revenue_change * gross_margin_rate as margin_change,
        {% for cost_type in cost_types %}
        {{ cost_type }}_cost_change,
        {% endfor %}
        crm_cost_before,
        crm_cost_after,
        case when has_crm_cost then crm_cost_so_far / months_so_far end as crm_cost_a_month,
        net_effect,
        net_effect_ci_low,
        net_effect_ci_high,
        months_so_far as months_since_go_live,
        margin_so_far as margin_change_total,
        added_cost_so_far as added_cost_total,
        case when has_crm_cost then crm_cost_so_far end as crm_cost_total,
        case
            when net_effect is not null then margin_so_far - added_cost_so_far - crm_cost_so_far
        end
            as net_effect_total,
        case
            when net_effect is not null
                then
                    {{ ratio(
                        'margin_so_far - added_cost_so_far - crm_cost_so_far',
                        'crm_cost_so_far',
                        100
                    ) }}
        end as roi_pct,
        payback_month,
        payback_earliest,
        payback_latest,
        cast(
            {{ dbt.datediff(go_live, 'payback_month', 'month') }} + 1 as bigint
        ) as months_to_payback,
        case
            when gross_margin_rate is null then 'margin_unknown'
            when not has_crm_cost then 'crm_cost_unknown'
            when not is_recorded_alike then 'costs_recorded_differently'
            when not is_same_season then 'different_seasons'
            when is_not_deflated then 'prices_not_deflated'
        end as warning

    from judged

)

select * from final
