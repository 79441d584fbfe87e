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
