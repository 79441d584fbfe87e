{#- a table that is absent has none -#}
{% macro raw_row_count(table) -%}
    {%- set relation = source('journal' if table.startswith('journal_') else 'bitrix24', table) -%}
    {%- if execute and load_relation(relation) -%}
    (select count(*) from {{ relation }})
    {%- else -%}
    0
    {%- endif -%}
{%- endmacro %}
