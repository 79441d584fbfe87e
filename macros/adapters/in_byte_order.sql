{% macro in_byte_order(text) -%}
    {{ return(adapter.dispatch('in_byte_order', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__in_byte_order(text) -%}
    {{ text }}
{%- endmacro %}

{% macro postgres__in_byte_order(text) -%}
    {{ text }} collate "C"
{%- endmacro %}
