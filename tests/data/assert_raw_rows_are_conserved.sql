-- A silently dropped row is the second worst bug: every raw row is staged, rejected or superseded.
select
    raw_table,
    raw_rows,
    staged_rows,
    rejected_rows,
    superseded_rows
from {{ ref('raw_row_counts') }}
where raw_rows <> staged_rows + rejected_rows + superseded_rows
