{% macro postgres__computed_once() -%}
    offset 0
{%- endmacro %}
