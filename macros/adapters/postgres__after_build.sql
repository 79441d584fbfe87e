{#- without statistics the next model would be planned for a table of a thousand rows -#}
{% macro postgres__after_build() -%}
    {%- if model.config.materialized == 'table' -%}
        {%- for columns in model.config.meta.get('indexed_by', []) %}
        create index on {{ this }} ({{ columns }});
        {%- endfor %}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
