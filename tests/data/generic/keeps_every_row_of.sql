{% test keeps_every_row_of(model, table) %}

with

raw_counts as (

    -- as a CTE, all its texts would be read to be counted
    select count(*) as raw_rows from ({{ raw_table(table) }}) as delivered

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
