{#- a dictionary of numbers (sources 1, 2, 3) becomes one of decimals where a value is missing; '603-S' is a code too -#}
{% macro parse_word(column) %}
    case
        when {{ column }} like '%.0%' and {{ regexp_like(column, '^[0-9]{1,18}[.]0+$') }}
            then split_part({{ column }}, '.', 1)
        else {{ column }}
    end
{% endmacro %}
