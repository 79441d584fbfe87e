with

dates as (

    select * from {{ ref('dim_dates') }}

),

working_hours as (

    select * from {{ ref('stg_reference__working_hours') }}

),

-- a shortened day ends earlier, whatever breaks it has
hours_by_date as (

    select
        dates.date_day,
        working_hours.start_minute,
        greatest(
            working_hours.start_minute,
            least(
                working_hours.end_minute,
                max(working_hours.end_minute) over (partition by dates.date_day)
                - coalesce(dates.shortened_by_minutes, 0)
            )
        ) as end_minute

    from dates

    left join working_hours
        on dates.works_as_weekday = working_hours.weekday

),

-- minutes are added to the local clock and only then turned into UTC, so a change of the clock
-- inside an interval makes it longer or shorter, as it is for the people who work it
intervals as (

    select
        date_day,
        coalesce(start_minute, 0) as start_minute,
        {{ to_utc(dbt.dateadd('minute', 'start_minute', 'cast(date_day as timestamp)')) }}
            as starts_at,
        {{ to_utc(dbt.dateadd('minute', 'end_minute', 'cast(date_day as timestamp)')) }} as ends_at

    from hours_by_date

),

worked_by_date as (

    select
        date_day,
        coalesce(sum({{ microseconds_between('starts_at', 'ends_at') }}), 0) as worked_microseconds

    from intervals

    group by date_day

),

worked_before as (

    select
        date_day,
        sum(worked_microseconds) over (order by date_day)
        - worked_microseconds as microseconds_before_date

    from worked_by_date

),

final as (

    select
        cast(intervals.date_day as {{ dbt.type_string() }})
        || '|' || cast(intervals.start_minute as {{ dbt.type_string() }}) as working_interval_key,
        intervals.date_day,
        intervals.starts_at,
        intervals.ends_at,
        cast(worked_before.microseconds_before_date as bigint) as microseconds_before_date

    from intervals

    inner join worked_before
        on intervals.date_day = worked_before.date_day

)

select * from final
