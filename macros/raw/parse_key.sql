{% macro parse_key(column) %}
    upper({{ parse_word(column) | trim }})
{% endmacro %}
