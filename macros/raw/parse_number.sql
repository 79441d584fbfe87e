{% macro parse_number(column) %}
    {{ try_cast(column, 'numeric(20, 6)') }}
{% endmacro %}
