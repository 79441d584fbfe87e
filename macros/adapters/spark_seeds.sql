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

{% macro spark__load_csv_rows(model, agate_table) %}
    {%- for rows in agate_table.rows | batch(get_batch_size()) %}
        {%- set sql -%}
            insert into {{ this }} values
            {%- for row in rows %}
            (
                {%- for value in row -%}
                cast(
                    {%- if value is none -%} null
                    {%- else -%} '{{ value | string | replace('\\', '\\\\') | replace("'", "\\'") }}'
                    {%- endif %} as {{ spark_seed_type(model, agate_table, loop.index0) }}){{ ', ' if not loop.last }}
                {%- endfor -%}
            ){{ ',' if not loop.last }}
            {%- endfor %}
        {%- endset -%}
        {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
    {%- endfor %}
    {{ return('') }}
{% endmacro %}

{% macro spark_seed_type(model, agate_table, position) -%}
    {%- set declared = model.config.column_types.get(agate_table.column_names[position]) -%}
    {{ return('string' if declared == 'text' else declared or adapter.convert_type(agate_table, position)) }}
{%- endmacro %}
