{%- set go_live = date_var('crm_go_live_date') -%}
{%- set margin = var('gross_margin_rate') -%}
{%- set cost_types = ['marketing', 'salary', 'other'] -%}

with

months as (

    select * from {{ ref('int_effect_money_months') }}

),

before_go_live as (

    select * from {{ ref('int_effect_money_before') }}

),

compared_months as (

    select * from {{ ref('int_effect_window_months') }}
    where
        basis = 'comparable'
        and metric_code = 'net_effect'
        and window_name = 'after'
        and is_compared

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
        case
            when crm_cost_before_the_data.costs > 0
                then
                    crm_cost_before_the_data.amount * first_prices.price_factor
                    + sum(months.crm_cost) over (
                        order by months.period_start
                        rows between unbounded preceding and current row
                    )
        end as crm_cost_so_far

    from months

    cross join crm_cost_before_the_data
    cross join first_prices

),

-- one factor is changed after the other, so the three parts add up to the whole difference
parts as (

    select
        with_crm_cost.period_start as month_start,
        compared_months.period_start is not null as is_compared,
        with_crm_cost.revenue,
        with_crm_cost.revenue - before_go_live.revenue as revenue_change,
        (with_crm_cost.leads - before_go_live.leads)
        * before_go_live.closed_per_lead
        * before_go_live.deal_size
            as volume_effect,
        (with_crm_cost.closed_deals - with_crm_cost.leads * before_go_live.closed_per_lead)
        * before_go_live.deal_size
            as conversion_effect,
        with_crm_cost.revenue - with_crm_cost.closed_deals * before_go_live.deal_size
            as deal_size_effect,
        {% for cost_type in cost_types %}
        with_crm_cost.{{ cost_type }}_cost - before_go_live.{{ cost_type }}_cost
            as {{ cost_type }}_cost_change,
        {% endfor %}
        with_crm_cost.crm_cost,
        with_crm_cost.crm_cost_so_far,
        settings.gross_margin_rate,
        estimates.is_recorded_alike

    from with_crm_cost

    cross join before_go_live
    cross join settings
    cross join estimates

    left join compared_months
        on with_crm_cost.period_start = compared_months.period_start

    -- the ramp-up included
    where with_crm_cost.period_start >= {{ dbt.date_trunc('month', go_live) }}

),

so_far as (

    select
        *,
        cast(row_number() over (order by month_start) as bigint) as months_so_far,
        sum(revenue_change) over months_until_then * gross_margin_rate as margin_so_far,
        sum(
            {% for cost_type in cost_types %}
            {{ cost_type }}_cost_change{{ ' +' if not loop.last }}
            {% endfor %}
        ) over months_until_then as added_cost_so_far

    from parts

    window months_until_then as (
        order by month_start
        rows between unbounded preceding and current row
    )

),

final as (

    select
        month_start,
        is_compared,
        months_so_far,
        revenue,
        revenue_change,
        volume_effect,
        conversion_effect,
        deal_size_effect,
        gross_margin_rate,
        revenue_change * gross_margin_rate as margin_change,
        {% for cost_type in cost_types %}
        {{ cost_type }}_cost_change,
        {% endfor %}
        crm_cost,
        margin_so_far,
        added_cost_so_far,
        crm_cost_so_far,
        case
            when is_recorded_alike then margin_so_far - added_cost_so_far - crm_cost_so_far
        end as net_effect_so_far

    from so_far

)

select * from final
