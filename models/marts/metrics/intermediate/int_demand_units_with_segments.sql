with

records as (

    select * from {{ ref('fct_demand_units') }}

),

custom_segments as (

    select * from {{ ref('fct_custom_segments') }}

),

final as (

    select
        {% for name in custom_segment_types() -%}
        coalesce({{ name }}_members.segment_id, 'unknown') as custom_{{ name }},
        {% endfor -%}
        records.*

    from records
    {% for name in custom_segment_types() %}
    left join custom_segments as {{ name }}_members
        on
            {{ name }}_members.segment_type = '{{ name }}'
            and {{ name }}_members.demand_unit_id = records.demand_unit_id
    {% endfor %}

)

-- whatever column a fact has, a metric may need
-- noqa: disable=AM04
select * from final
