{% macro regexp_like(column, pattern) -%}
    {{ return(adapter.dispatch('regexp_like', 'bitrix24_effectiveness')(column, pattern)) }}
{%- endmacro %}

{% macro default__regexp_like(column, pattern) -%}
    regexp_matches({{ column }}, '{{ pattern }}')
{%- endmacro %}

{% macro postgres__regexp_like(column, pattern) -%}
    {{ column }} ~ '{{ pattern }}'
{%- endmacro %}

{% macro spark__regexp_like(column, pattern) -%}
    regexp_like({{ column }}, '{{ pattern }}')
{%- endmacro %}
