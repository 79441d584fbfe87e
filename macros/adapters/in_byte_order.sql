{% macro in_byte_order(text) -%}
    {{ return(adapter.dispatch('in_byte_order')(text)) }}
{%- endmacro %}
