{% macro default__trimmed(text) -%}
    trim({{ text }})
{%- endmacro %}
