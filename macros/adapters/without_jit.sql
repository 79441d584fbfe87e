{% macro without_jit() -%}
    {{ return(adapter.dispatch('without_jit', 'bitrix24_effectiveness')()) }}
{%- endmacro %}

{% macro default__without_jit() -%}
{%- endmacro %}

{#- a model of many expressions is compiled for minutes and then runs for milliseconds -#}
{% macro postgres__without_jit() -%}
    set local jit = off
{%- endmacro %}
