{% macro raw_table_contract(table) %}
    {%- for node in graph.sources.values() if node.source_name in ('bitrix24', 'journal') and node.name == table -%}
        {{ return(dict(node, columns=dict(node.columns, **custom_segment_columns(table)))) }}
    {%- endfor -%}
{% endmacro %}
