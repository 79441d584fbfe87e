with

settings as (

    select * from {{ ref('int_run_settings') }}

),

requests as (

    select * from {{ ref('int_requests_and_journal') }}

),

working_intervals as (

    select * from {{ ref('int_working_intervals') }}

),

moments as (

    select requested_at as moment_at from requests
    union
    select responded_at as moment_at from requests
    where responded_at is not null
    union
    select as_of_at as moment_at from settings

),

-- how much had been worked at a moment, since the first day of the calendar
worked_until as (

    select
        moments.moment_at,
        min(working_intervals.microseconds_before_date)
        + coalesce(
            sum(
                greatest(
                    {{ microseconds_between(
                        'working_intervals.starts_at',
                        'least(moments.moment_at, working_intervals.ends_at)'
                    ) }},
                    0
                )
            ),
            0
        ) as worked_microseconds

    from moments

    inner join working_intervals
        on cast({{ to_local('moments.moment_at') }} as date) = working_intervals.date_day

    group by moments.moment_at

),

working_times as (

    select
        requests.request_id,
        cast(at_response.worked_microseconds - at_request.worked_microseconds as bigint)
            as response_working_microseconds,
        cast(at_as_of.worked_microseconds - at_request.worked_microseconds as bigint)
            as age_working_microseconds

    from requests

    inner join worked_until as at_request
        on requests.requested_at = at_request.moment_at

    left join worked_until as at_response
        on requests.responded_at = at_response.moment_at

    cross join settings

    inner join worked_until as at_as_of
        on settings.as_of_at = at_as_of.moment_at

)

select * from working_times
