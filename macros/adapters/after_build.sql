{% macro after_build() -%}
    {{ return(adapter.dispatch('after_build')()) }}
{%- endmacro %}
