{% macro spark__create_csv_table(model, agate_table) %}
    {%- set sql -%}
        create table {{ this }} (
        {%- for column in agate_table.column_names %}
            {{ column }} {{ spark_seed_type(model, agate_table, loop.index0) }}{{ ',' if not loop.last }}
        {%- endfor %}
        ) {{ file_format_clause() }}
    {%- endset -%}
    {%- do run_query(sql) -%}
    {{ return(sql) }}
{% endmacro %}
