{#- the shape is judged here, the same on every engine; engines only know whether the month has that day -#}
{% macro parse_timestamp(column) %}
    {%- set day = '^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])' -%}
    {%- set minute = '[T ]([01][0-9]|2[0-3]):[0-5][0-9]' -%}
    {%- set second = ':[0-5][0-9]([.][0-9]*)?' -%}
    {%- set offset = '(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)' %}
    case
        when {{ regexp_like(column, day ~ minute ~ second ~ offset ~ '$') }} then {{ utc_from_text(column) }}
        when {{ regexp_like(column, day ~ '(' ~ minute ~ '(' ~ second ~ ')?)?$') }}
            then {{ to_utc(clock_time_from_text(column), var('portal_timezone')) }}
    end
{% endmacro %}
