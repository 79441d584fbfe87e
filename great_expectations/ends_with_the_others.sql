with own as (
    select cast({at} as date) as day from {batch} where {at} is not null group by 1
), last as (
    select max(day) as last_day from own
), others as (
    select cast(changed_at as date) as day, count(*) as day_rows
    from changes
    where raw_table <> '{table}' and changed_at is not null
    group by 1
), judged as (
    select
        last_day,
        (select count(*) from own, last as l where own.day > l.last_day - 56) as busy_days,
        count(*) filter (where day > last_day) as missed_days,
        sum(day_rows) filter (where day > last_day) as rows_after,
        sum(day_rows) filter (where day <= last_day and day > last_day - 56) as rows_before
    from others, last
    group by last_day
)
select last_day, busy_days, missed_days
from judged
where missed_days >= 3
    and busy_days * missed_days >= 6 * 56
    and missed_days * -ln(1 - busy_days / 57.0) >= 10
    and 2 * 56 * rows_after >= missed_days * rows_before
