{% macro postgres__matches(column, pattern) -%}
    {{ column }} ~ '{{ pattern }}'
{%- endmacro %}
