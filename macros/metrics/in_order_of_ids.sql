{#- ids of the portal are numbers; those of a journal are what people wrote, and come last -#}
{% macro in_order_of_ids(id, source) -%}
    cast(case when {{ source }} is distinct from 'journal' then {{ id }} end as bigint),
    {{ bitrix24_effectiveness.in_byte_order(id) }}
{%- endmacro %}
