{#- columns custom_<name> of a raw table, as the contract of a source has its columns -#}
{% macro custom_segment_columns(table) %}
    {%- set columns = {} -%}
    {%- for name, custom_segment in var('custom_segments').items() if custom_segment['table'] == table -%}
        {%- set column = {
            'name': 'custom_' ~ name,
            'config': {'meta': {'raw_type': 'text', 'raw_name': custom_segment['column']}},
        } -%}
        {%- do columns.update({column.name: column}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}
