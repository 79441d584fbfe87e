{% macro versioned_rows(columns, meta) -%}
    {{ return(adapter.dispatch('versioned_rows', 'bitrix24_effectiveness')(columns, meta)) }}
{%- endmacro %}

{#- nearly all ids come once: a window over them would sort every row by all its raw columns -#}
{% macro default__versioned_rows(columns, meta) -%}
repeated_ids as (

    select row_id

    from judged

    group by row_id

    having count(*) > 1

),

versioned as (

    select
        *,
        {{ version_number(columns, meta) }} as version_number

    from judged

    where row_id in (select row_id from repeated_ids)

    union all

    select
        *,
        1 as version_number

    from judged

    where not exists (select 1 from repeated_ids where repeated_ids.row_id = judged.row_id)

)
{%- endmacro %}

{#- Spark reads a CTE anew wherever it is named, and never ends planning such a union -#}
{% macro spark__versioned_rows(columns, meta) -%}
versioned as (

    select
        *,
        {{ version_number(columns, meta) }} as version_number

    from judged

)
{%- endmacro %}
