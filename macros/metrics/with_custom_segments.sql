{% macro with_custom_segments(fact, demand_unit_id) -%}
with

records as (

    select * from {{ ref(fact) }}

),

custom_segments as (

    select * from {{ ref('fct_custom_segments') }}

),

final as (

    select
        {% for name in bitrix24_effectiveness.custom_segment_types() -%}
        coalesce({{ name }}_members.segment_id, 'unknown') as custom_{{ name }},
        {% endfor -%}
        records.*

    from records
    {% for name in bitrix24_effectiveness.custom_segment_types() %}
    left join custom_segments as {{ name }}_members
        on
            {{ name }}_members.segment_type = '{{ name }}'
            and {{ name }}_members.demand_unit_id = {{ demand_unit_id }}
    {% endfor %}

)

select * from final
{%- endmacro %}
