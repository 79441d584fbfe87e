{% macro default__in_byte_order(text) -%}
    {{ text }}
{%- endmacro %}
