{% macro default__to_local(utc_timestamp) -%}
    (({{ utc_timestamp }}) at time zone 'UTC' at time zone '{{ var('reporting_timezone') }}')
{%- endmacro %}
