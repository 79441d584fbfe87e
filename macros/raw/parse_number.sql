{% macro parse_number(column) %}
    {{ try_cast(column, 'numeric(18, 4)') }}
{% endmacro %}
