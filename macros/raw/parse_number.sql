{% macro parse_number(column) %}
    cast(case
        when {{ matches(column, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$') }}
            then {{ number_from_text(column) }}
    end as numeric(18, 4))
{% endmacro %}
