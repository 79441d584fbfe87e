{% macro spark__to_local(utc_timestamp) -%}
    from_utc_timestamp({{ utc_timestamp }}, '{{ var('reporting_timezone') }}')
{%- endmacro %}
