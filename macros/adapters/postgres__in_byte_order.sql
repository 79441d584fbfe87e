{% macro postgres__in_byte_order(text) -%}
    {{ text }} collate "C"
{%- endmacro %}
