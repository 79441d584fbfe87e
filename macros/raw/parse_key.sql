{% macro parse_key(column) %}
    upper({{ column }})
{% endmacro %}
