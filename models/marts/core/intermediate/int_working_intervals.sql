with

dates as (

    select * from {{ ref('dim_dates') }}

),

working_hours as (

    select * from {{ ref('stg_reference__working_hours') }}

),

-- minutes are added to the local clock and only then turned into UTC, so a change of the clock
-- inside an interval makes it longer or shorter, as it is for the people who work it
intervals as (

    select
        dates.date_day,
        coalesce(working_hours.start_minute, 0) as start_minute,
        {{ to_utc(dbt.dateadd(
            'minute',
            'working_hours.start_minute',
            'cast(dates.date_day as timestamp)'
        )) }}
            as starts_at,
        {{ to_utc(dbt.dateadd(
            'minute',
            'working_hours.end_minute',
            'cast(dates.date_day as timestamp)'
        )) }}
            as ends_at

    from dates

    left join working_hours
        on dates.works_as_weekday = working_hours.weekday

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
