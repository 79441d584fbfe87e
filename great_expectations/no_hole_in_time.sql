with own as (
    select date_trunc('month', {at}) as month_start, count(distinct cast({at} as date)) as busy_days
    from {batch}
    where {at} is not null
    group by 1
), others as (
    select date_trunc('month', changed_at) as month_start, count(*) as month_rows
    from changes
    where raw_table <> '{table}' and changed_at is not null
    group by 1
), months as (
    select
        others.month_start,
        others.month_rows,
        coalesce(own.busy_days, 0) as busy_days,
        lag(others.month_rows) over (order by others.month_start) as rows_before,
        lead(others.month_rows) over (order by others.month_start) as rows_after,
        lag(own.busy_days) over (order by others.month_start) as days_before,
        lead(own.busy_days) over (order by others.month_start) as days_after
    from others
    left join own on others.month_start = own.month_start
)
select month_start, days_before, days_after
from months
where busy_days = 0
    and days_before >= 10
    and days_after >= 10
    and 4 * month_rows >= rows_before + rows_after
