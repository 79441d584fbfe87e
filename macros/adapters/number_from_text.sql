{% macro number_from_text(text) -%}
    {{ return(adapter.dispatch('number_from_text')(text)) }}
{%- endmacro %}
