{% macro default__after_build() -%}
{%- endmacro %}
