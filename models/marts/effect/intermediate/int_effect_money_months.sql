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

price_index as (

    select
        month_start,
        price_index,
        row_number() over (order by month_start) as index_number,
        lead(month_start) over (order by month_start) as next_month_start

    from {{ ref('stg_reference__price_index') }}

),

last_month as (

    select max(period_start) as month_start from conversions

),

-- the index of a month without one is that of the newest before it; before the first it is the first
last_index as (

    select price_index.price_index

    from price_index

    inner join last_month
        on
            (last_month.month_start >= price_index.month_start or price_index.index_number = 1)
            and last_month.month_start < coalesce(price_index.next_month_start, cast('9999-12-31' as date))

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
        coalesce(
            cast(last_index.price_index as {{ type_double() }}) / price_index.price_index, 1
        ) as price_factor

    from conversions

    inner join deal_sizes
        on
            conversions.period_grain = deal_sizes.period_grain
            and conversions.period_start = deal_sizes.period_start

    inner join costs
        on
            conversions.period_grain = costs.period_grain
            and conversions.period_start = costs.period_start

    left join price_index
        on
            (conversions.period_start >= price_index.month_start or price_index.index_number = 1)
            and conversions.period_start < coalesce(price_index.next_month_start, cast('9999-12-31' as date))

    left join last_index
        on true

),

final as (

    select
        period_start,
        price_factor,
        cast(leads as {{ type_double() }}) as leads,
        cast(closed_deals as {{ type_double() }}) as closed_deals,
        cast(revenue as {{ type_double() }}) * price_factor as revenue
        {%- for cost_type in cost_types %},
        cast({{ cost_type }}_cost as {{ type_double() }}) * price_factor as {{ cost_type }}_cost
        {%- endfor %}

    from with_price_level

)

select * from final
