{% macro clock_time_from_text(text) -%}
    {{ return(adapter.dispatch('clock_time_from_text')(text)) }}
{%- endmacro %}
