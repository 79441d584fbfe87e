{% macro local_hour(utc_timestamp) -%}
    cast(extract(hour from {{ bitrix24_effectiveness.to_local(utc_timestamp) }}) as bigint)
{%- endmacro %}
