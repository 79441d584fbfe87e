{#- the declared columns of a raw table as trimmed text, named raw_<column>; what is absent is null -#}
{% macro raw_table(table) %}
    {%- set relation = source('journal' if table.startswith('journal_') else 'bitrix24', table) -%}
    {%- set renamed = raw_column_names(table) -%}
    {%- if not execute -%}
        {{ return('select * from ' ~ relation) }}
    {%- endif -%}
    {%- set contract = raw_table_contract(table) -%}
    {%- set present = raw_columns_present(relation, contract) -%}
    {%- set own_names = {} -%}
    {%- for name in present or [] -%}
        {%- do own_names.update({bare_name(name): name}) -%}
    {%- endfor -%}

    {%- if present is none and contract.config.meta.required -%}
        {%- do exceptions.raise_compiler_error(
            'raw table ' ~ relation ~ ' is absent and required: load it, or name it in the var raw_identifiers'
        ) -%}
    {%- endif %}
    {#- in two steps, since an engine does all that stands within an expression as often as it is written there -#}
    select
    {%- for column in contract.columns.values() %}
        {{ known_text('raw_' ~ column.name, column.config.meta.raw_type) }} as raw_{{ column.name }}
        {{- ',' if not loop.last }}
    {%- endfor %}
    from (
        select
        {%- for column in contract.columns.values() %}
            {%- set raw_name = column.config.meta.raw_name or renamed.get(column.name, column.name) %}
            {%- set own_name = own_names.get(bare_name(raw_name)) %}
            {%- if own_name %}
            {{ raw_text(adapter.quote(own_name), column.config.meta.raw_type) }} as raw_{{ column.name }}
            {%- else %}
                {%- if present is not none and (column.config.meta.required or column.config.meta.raw_name) -%}
                    {%- do exceptions.raise_compiler_error(
                        'column ' ~ raw_name ~ ' of raw table ' ~ relation
                        ~ ' is absent and required: load it, or name it in the var '
                        ~ ('custom_segments' if column.config.meta.raw_name else 'raw_columns')
                    ) -%}
                {%- endif %}
            cast(null as {{ dbt.type_string() }}) as raw_{{ column.name }}
            {%- endif %}
            {{- ',' if not loop.last }}
        {%- endfor %}
        {%- if present is none %}
        from (select 1 as absent) as absent_table
        where 1 = 0
        {%- else %}
        from {{ relation }}
        {%- endif %}
        {{ fence() }}
    ) as raw_texts
{% endmacro %}
