{% macro to_utc(local_timestamp, timezone=var('reporting_timezone')) -%}
    ({{ local_timestamp }} at time zone '{{ timezone }}' at time zone 'UTC')
{%- endmacro %}
