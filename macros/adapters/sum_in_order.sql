{% macro sum_in_order(expression, key) -%}
    {{ return(adapter.dispatch('sum_in_order', 'bitrix24_effectiveness')(expression, key)) }}
{%- endmacro %}

{% macro default__sum_in_order(expression, key) -%}
    sum({{ expression }} order by {{ key }})
{%- endmacro %}

{% macro spark__sum_in_order(expression, key) -%}
    sum({{ expression }})
{%- endmacro %}
