{% macro check_session() -%}
    {{ return(adapter.dispatch('check_session')()) }}
{%- endmacro %}
