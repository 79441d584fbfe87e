{% macro to_local(utc_timestamp) -%}
    {{ return(adapter.dispatch('to_local')(utc_timestamp)) }}
{%- endmacro %}
