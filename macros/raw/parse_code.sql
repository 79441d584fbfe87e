{#- 200, '200' and '200.0' are one code; '603-S' is one too -#}
{% macro parse_code(column) %}
    upper(case
        when {{ regexp_like(column, '^[0-9]{1,18}[.]0+$') }} then split_part({{ column }}, '.', 1)
        else {{ column }}
    end)
{% endmacro %}
