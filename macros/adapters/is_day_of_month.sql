{#- only the last days of a month need a look at the calendar -#}
{% macro is_day_of_month(text) -%}
    (
        substring({{ text }}, 9, 2) <= '28'
        or cast(substring({{ text }}, 9, 2) as integer) <= extract(
            day from cast(substring({{ text }}, 1, 7) || '-01' as date) + interval '1 month - 1 day'
        )
    )
{%- endmacro %}
