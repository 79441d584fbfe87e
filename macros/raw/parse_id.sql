{#- 37, '37' and '37.0' are one id; ids stay text -#}
{% macro parse_id(column) %}
    {{ return(id_from_text(column)) }}
{% endmacro %}
