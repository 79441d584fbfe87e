{% macro local_hour(utc_timestamp) -%}
    cast(extract(hour from {{ to_local(utc_timestamp) }}) as bigint)
{%- endmacro %}
