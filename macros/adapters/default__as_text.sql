{% macro default__as_text(column, raw_type) -%}
    cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}
