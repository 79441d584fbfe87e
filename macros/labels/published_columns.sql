{% macro published_columns() %}
    {%- set columns = [] -%}
    {%- if execute -%}
        {#- a project that stands on this one says itself what its columns are called -#}
        {%- for node in graph.nodes.values()
            if node.resource_type in ('model', 'seed')
            and node.schema == this.schema
            and node.package_name == 'bitrix24_effectiveness' -%}
            {%- for column_name in node.columns -%}
                {%- do columns.append((node.name, column_name)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for table_name, column_names in kept_tables().items() -%}
        {%- for column_name in column_names -%}
            {%- do columns.append((table_name, column_name)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns | sort) }}
{% endmacro %}
