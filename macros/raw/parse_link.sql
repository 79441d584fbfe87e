{% macro parse_link(column) %}
    nullif({{ parse_value(column, 'id') }}, '0')
{% endmacro %}
