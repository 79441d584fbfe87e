{#-
  dbt-duckdb builds beside the old table, renames both, asks after foreign keys and drops: a dozen statements, which take
  half of the time of a small portal. In a transaction DuckDB takes back what was dropped, so one is enough.
-#}
{% macro duckdb_replaced(target, create) %}
    {%- set old = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {%- if old is not none %}
        drop {{ old.type }} if exists {{ old }};
        {%- endif %}
        {{ create }}
        {%- if config.persist_relation_docs() and model.description %}
        {{ duckdb__alter_relation_comment(target, model.description) }}
        {%- endif %}
        {%- for column in model.columns.values() if config.persist_column_docs() and column.description %}
        comment on column {{ target }}.{{ adapter.quote(column.name) if column.quote else column.name }}
            is {{ duckdb_escape_comment(column.description) }};
        {%- endfor %}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}

{% materialization table, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ return(duckdb_replaced(target, create_table_as(False, target, compiled_code))) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {{ return(duckdb_replaced(target, get_create_view_as_sql(target, compiled_code))) }}
{% endmaterialization %}
