-- Working minutes are counted inside the intervals: overlapping ones count the same minute twice,
-- and an interval that ends before it starts takes minutes away.
with

working_hours as (

    select * from {{ ref('stg_reference__working_hours') }}

),

with_neighbours as (

    select
        working_hours_key,
        start_time,
        end_time,
        start_minute,
        end_minute,
        max(end_minute) over (
            partition by weekday
            order by start_minute, end_minute
            rows between unbounded preceding and 1 preceding
        ) as latest_end_before

    from working_hours

),

problems as (

    select
        working_hours_key as row_key,
        'not times of day as HH:MM: ' || start_time || ', ' || end_time as problem

    from with_neighbours

    where
        start_minute is null
        or end_minute is null
        or end_minute > 1440

    union all

    select
        working_hours_key as row_key,
        'the interval ends at or before its start' as problem

    from with_neighbours

    where end_minute <= start_minute

    union all

    select
        working_hours_key as row_key,
        'the interval overlaps an earlier one of the same day' as problem

    from with_neighbours

    where start_minute < latest_end_before

)

select
    'working_hours' as seed,
    row_key,
    problem

from problems
