{#- the file is the project's own, so its schemas need no prefix; on a server they have dbt's usual one -#}
{% macro duckdb__generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name else target.schema }}
{%- endmacro %}
