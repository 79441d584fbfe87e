{% macro utc_from_text(text) -%}
    {{ return(adapter.dispatch('utc_from_text')(text)) }}
{%- endmacro %}
