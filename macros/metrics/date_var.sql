{% macro date_var(name) -%}
    cast(nullif('{{ var(name) }}', '') as date)
{%- endmacro %}
