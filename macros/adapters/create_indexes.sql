{% macro create_indexes() -%}
    {{ return(adapter.dispatch('create_indexes')()) }}
{%- endmacro %}

{% macro default__create_indexes() -%}
{%- endmacro %}

{#- without statistics the next model would be planned for a table of a thousand rows -#}
{% macro postgres__create_indexes() -%}
    {%- if model.config.materialized == 'table' -%}
        {%- for columns in model.config.meta.get('indexed_by', []) %}
        create index on {{ this }} ({{ columns }});
        {%- endfor %}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
