{% test keeps_every_row_of(model, table) %}

with

delivered as (

    {{ raw_table(table) }}

),

raw_counts as (

    select count(*) as raw_rows from delivered

),

base_counts as (

    select count(*) as base_rows from {{ model }}

)

select
    raw_counts.raw_rows,
    base_counts.base_rows

from raw_counts

cross join base_counts

where raw_counts.raw_rows <> base_counts.base_rows

{% endtest %}
