{% macro parse_number(column) %}
    case
        when {{ matches(column, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$') }}
            then {{ number_from_text(column) }}
    end
{% endmacro %}
