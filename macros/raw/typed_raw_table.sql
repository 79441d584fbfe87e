{#-
  A whole base model: every declared column of a raw table in its type, and the fate of each row.
  `row_status` is accepted, rejected (with `rejection_reason` and the row as JSON) or superseded (a
  duplicate by key that is not the newest). Nothing is dropped here.
-#}
{% macro typed_raw_table(table) %}
    {%- if not execute -%}
        {{ return(raw_table(table)) }}
    {%- endif -%}
    {%- set contract = raw_table_contract(table) -%}
    {%- set meta = contract.config.meta -%}
    {%- set columns = contract.columns.values() | list %}
with

raw_rows as (

    {{ raw_table(table) }}
    {{ fence() }}

),

typed as (

    select
        *,
    {%- for column in columns %}
        {{ parse_value('raw_' ~ column.name, column.config.meta.raw_type) }} as {{ column.name }}
        {{- ',' if not loop.last }}
    {%- endfor %}

    from raw_rows
    {{ fence() }}

),

reasoned as (

    select
        *,
        {{ rejection_reason(columns) }} as rejection_reason

    from typed

),

judged as (

    select
        *,
        case
            when rejection_reason is null then coalesce({{ meta.key }}, '')
            else coalesce({{ shown_key(columns, meta.key) }}, '')
        end as row_id

    from reasoned

),

{{ versioned_rows(columns, meta) }}

select
    row_id || '|'
    || case when rejection_reason is null then 'readable' else 'rejected' end || '|'
    || cast(version_number as {{ dbt.type_string() }}) as raw_row_key,
    {%- for column in columns %}
    {{ column.name }},
    {%- endfor %}
    rejection_reason,
    case
        when rejection_reason is not null then 'rejected'
        when version_number > 1 then 'superseded'
        else 'accepted'
    end as row_status,
    case when rejection_reason is not null then nullif(row_id, '') end as rejected_id,
    case when rejection_reason is not null then {{ row_as_json(columns) }} end as raw_row

from versioned
{% endmacro %}
