{#- PostgreSQL refuses a number of a hundred thousand digits, and Java reads it for minutes -#}
{% macro parse_number(column) %}
    cast(case
        when
            length({{ column }}) <= 1000
            and {{ regexp_like(column, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$') }}
            then {{ number_from_text(column) }}
    end as numeric(18, 4))
{% endmacro %}
