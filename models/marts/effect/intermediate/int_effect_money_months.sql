{%- set cost_types = ['marketing', 'crm', 'salary', 'other'] -%}

with

conversions as (

    select * from {{ ref('metric_conversion') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

deal_sizes as (

    select * from {{ ref('metric_average_deal_size') }}
    where segment_type = 'all'

),

costs as (

    select * from {{ ref('metric_cac') }}
    where segment_type = 'all'

),

price_levels as (

    select * from {{ ref('int_price_levels') }}

),

with_price_level as (

    select
        conversions.period_start,
        conversions.leads,
        conversions.closed_deals,
        deal_sizes.revenue,
        {% for cost_type in cost_types %}
        costs.{{ cost_type }}_cost,
        {% endfor %}
        price_levels.price_factor

    from conversions

    inner join deal_sizes
        on
            conversions.period_grain = deal_sizes.period_grain
            and conversions.period_start = deal_sizes.period_start

    inner join costs
        on
            conversions.period_grain = costs.period_grain
            and conversions.period_start = costs.period_start

    inner join price_levels
        on
            conversions.period_start >= price_levels.valid_from
            and conversions.period_start < price_levels.valid_before

),

final as (

    select
        period_start,
        price_factor,
        {% for cost_type in cost_types %}
        cast({{ cost_type }}_cost as {{ type_double() }}) * price_factor as {{ cost_type }}_cost,
        {% endfor %}
        cast(leads as {{ type_double() }}) as leads,
        cast(closed_deals as {{ type_double() }}) as closed_deals,
        cast(revenue as {{ type_double() }}) * price_factor as revenue

    from with_price_level

)

select * from final
