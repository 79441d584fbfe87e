{% macro fence() -%}
    {{ return(adapter.dispatch('fence', 'bitrix24_effectiveness')()) }}
{%- endmacro %}

{% macro default__fence() -%}
{%- endmacro %}

{% macro postgres__fence() -%}
    offset 0
{%- endmacro %}
