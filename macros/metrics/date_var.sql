{% macro date_var(name) -%}
    cast(nullif('{{ var(name) or "" }}', '') as date)
{%- endmacro %}
