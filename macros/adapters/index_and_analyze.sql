{% macro index_and_analyze() -%}
    {{ return(adapter.dispatch('index_and_analyze', 'bitrix24_effectiveness')()) }}
{%- endmacro %}

{% macro default__index_and_analyze() -%}
{%- endmacro %}

{#- without statistics the next model would be planned for a table of a thousand rows -#}
{% macro postgres__index_and_analyze() -%}
    {%- if model.config.materialized == 'table' -%}
        {%- for columns in model.config.meta.get('indexed_by', []) %}
        create index on {{ this }} ({{ columns }});
        {%- endfor %}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
