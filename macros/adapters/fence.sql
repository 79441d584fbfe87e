{% macro fence() -%}
    {{ return(adapter.dispatch('fence')()) }}
{%- endmacro %}

{% macro default__fence() -%}
{%- endmacro %}

{% macro postgres__fence() -%}
    offset 0
{%- endmacro %}
