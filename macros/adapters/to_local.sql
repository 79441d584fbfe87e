{% macro to_local(utc_timestamp) -%}
    {{ return(adapter.dispatch('to_local', 'bitrix24_effectiveness')(utc_timestamp)) }}
{%- endmacro %}

{% macro default__to_local(utc_timestamp) -%}
    (({{ utc_timestamp }}) at time zone 'UTC' at time zone '{{ var('reporting_timezone') }}')
{%- endmacro %}

{#- what it makes of UTC is the same instant, and it would ask the time-zone library for that too -#}
{% macro duckdb__to_local(utc_timestamp) -%}
    (make_timestamptz(epoch_us({{ utc_timestamp }})) at time zone '{{ var('reporting_timezone') }}')
{%- endmacro %}

{% macro spark__to_local(utc_timestamp) -%}
    from_utc_timestamp({{ utc_timestamp }}, '{{ var('reporting_timezone') }}')
{%- endmacro %}
