{#- no time type knows the 24:00 of a shift that lasts until midnight -#}
{% macro minutes_of_day(text) -%}
    case
            when {{ regexp_like(text, '^[0-9]{2}:[0-5][0-9]$') }}
                then 60 * cast(substring({{ text }}, 1, 2) as integer) + cast(substring({{ text }}, 4, 2) as integer)
        end
{%- endmacro %}
