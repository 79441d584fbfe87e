{% macro as_text(column, raw_type) -%}
    {{ return(adapter.dispatch('as_text')(column, raw_type)) }}
{%- endmacro %}
