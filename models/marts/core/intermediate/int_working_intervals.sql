with

dates as (

    select * from {{ ref('int_dates') }}

),

holidays as (

    select * from {{ ref('stg_reference__holidays') }}

),

working_hours as (

    select * from {{ ref('stg_reference__working_hours') }}

),

-- a holiday works as no weekday at all, a moved working day as the weekday that it stands in for
worked_dates as (

    select
        dates.date_day,
        case
            when holidays.holiday_date is null then dates.iso_weekday
            else holidays.works_as_weekday
        end as works_as_weekday

    from dates

    left join holidays
        on dates.date_day = holidays.holiday_date

),

-- minutes are added to the local clock and only then turned into UTC, so a change of the clock inside
-- an interval makes it longer or shorter, as it is for the people who work it
intervals as (

    select
        worked_dates.date_day,
        coalesce(working_hours.start_minute, 0) as start_minute,
        {{ to_utc(dbt.dateadd('minute', 'working_hours.start_minute', 'cast(worked_dates.date_day as timestamp)')) }}
            as starts_at,
        {{ to_utc(dbt.dateadd('minute', 'working_hours.end_minute', 'cast(worked_dates.date_day as timestamp)')) }}
            as ends_at

    from worked_dates

    left join working_hours
        on worked_dates.works_as_weekday = working_hours.weekday

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
        sum(worked_microseconds) over (order by date_day) - worked_microseconds as microseconds_before_date

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
