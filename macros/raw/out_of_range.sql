{#- what can be read begins with its year, so text compares as dates do -#}
{% macro out_of_range(column) %}
    {%- if column.config.meta.raw_type == 'timestamp' %}
            when raw_{{ column.name }} < '1995' then 'out_of_range:{{ column.name }}'
    {%- endif -%}
{% endmacro %}
