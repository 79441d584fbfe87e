{% macro default__check_session() -%}
{%- endmacro %}
