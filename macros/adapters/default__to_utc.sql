{% macro default__to_utc(local_timestamp, timezone) -%}
    (({{ local_timestamp }}) at time zone '{{ timezone }}' at time zone 'UTC')
{%- endmacro %}
