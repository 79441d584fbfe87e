{% macro to_utc(local_timestamp, timezone=var('reporting_timezone')) -%}
    {{ return(adapter.dispatch('to_utc')(local_timestamp, timezone)) }}
{%- endmacro %}
