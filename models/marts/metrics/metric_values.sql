{%- set headlines = [
    ('conversion', 'conversion_pct', 'closed_deals', 'leads'),
    ('response_time', 'avg_response_minutes', 'total_response_minutes', 'averaged_requests'),
    ('retention', 'retention_rate_pct', 'retained_clients', 'clients_at_start'),
    ('churn', 'churn_rate_pct', 'churned_clients', 'clients_in_period'),
    ('cac', 'cac', 'acquisition_cost', 'new_clients'),
    ('sales_cycle', 'avg_cycle_days', 'total_cycle_days', 'closed_deals'),
    ('ltv', 'ltv', 'revenue * avg_lifespan_years * gross_margin_rate', 'active_client_years'),
    ('average_deal_size', 'average_deal_size', 'revenue', 'closed_deals'),
    ('automation_level', 'automation_level_pct', 'automated_processes', 'total_processes'),
    ('lost_sales', 'lost_sales', 'lost_sales', 'null'),
] -%}

with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

headlines as (

    {% for metric_code, value, numerator, denominator in headlines %}
    select
        metric_key,
        '{{ metric_code }}' as metric_code,
        period_grain,
        period_start,
        period_end,
        is_complete,
        segment_type,
        segment_id,
        segment_name,
        cast({{ value }} as {{ type_double() }}) as value,
        cast({{ numerator }} as {{ type_double() }}) as numerator,
        cast({{ denominator }} as {{ type_double() }}) as denominator,
        value_status

    from {{ ref('metric_' ~ metric_code) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        headlines.metric_key,
        headlines.metric_code,
        headlines.period_grain,
        headlines.period_start,
        headlines.period_end,
        headlines.is_complete,
        headlines.segment_type,
        headlines.segment_id,
        headlines.segment_name,
        headlines.value,
        headlines.numerator,
        headlines.denominator,
        metric_catalog.unit,
        headlines.value_status

    from headlines

    inner join metric_catalog
        on headlines.metric_code = metric_catalog.metric_code

)

select * from final
