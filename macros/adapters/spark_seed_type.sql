{% macro spark_seed_type(model, agate_table, position) -%}
    {%- set declared = model.config.column_types.get(agate_table.column_names[position]) -%}
    {{ return('string' if declared == 'text' else declared or adapter.convert_type(agate_table, position)) }}
{%- endmacro %}
