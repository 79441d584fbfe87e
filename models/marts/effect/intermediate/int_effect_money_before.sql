{%- set cost_types = ['marketing', 'salary', 'other', 'crm'] -%}

with

months as (

    select * from {{ ref('int_effect_money_months') }}

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where
        basis = 'comparable'
        and metric_code = 'net_effect'
        and window_name = 'before'
        and is_compared

),

final as (

    select
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
        {% for cost_type in cost_types %}
        {{ sum_in_order('months.' ~ cost_type ~ '_cost', 'months.period_start') }}
        / count(*) as {{ cost_type }}_cost,
        {% endfor %}
        {{ sum_in_order('months.revenue', 'months.period_start') }} / count(*) as revenue

    from window_months

    inner join months
        on window_months.period_start = months.period_start

    having count(*) >= {{ var('min_comparison_months') }}

)

select * from final
