with

span as (

    select * from {{ ref('int_data_span') }}

),

holidays as (

    select * from {{ ref('stg_reference__holidays') }}

),

worked_weekdays as (

    select distinct weekday from {{ ref('stg_reference__working_hours') }}

),

-- 2^16 days are 179 years: more than any portal holds
day_numbers as (

    {{ dbt.generate_series(65536) }}

),

dates as (

    select
        cast(
            {{ dbt.dateadd(
                'day',
                'day_numbers.generated_number - 1',
                'span.calendar_start'
            ) }} as date
        )
            as date_day

    from day_numbers

    inner join span
        on
            day_numbers.generated_number - 1
            <= {{ dbt.datediff('span.calendar_start', 'span.last_date', 'day') }}

),

with_weekday as (

    select
        date_day,
        -- 1900-01-01 was a Monday
        cast(
            mod({{ dbt.datediff("cast('1900-01-01' as date)", 'date_day', 'day') }}, 7)
            + 1 as bigint
        )
            as iso_weekday

    from dates

),

-- a holiday works as no weekday at all, a moved working day as the weekday that it stands in for,
-- a shortened day as its own
with_work as (

    select
        with_weekday.date_day,
        with_weekday.iso_weekday,
        case
            when holidays.works_as_weekday is not null
                then cast(holidays.works_as_weekday as bigint)
            when holidays.holiday_date is null or holidays.shortened_by_minutes is not null
                then with_weekday.iso_weekday
        end as works_as_weekday,
        cast(coalesce(holidays.shortened_by_minutes, 0) as bigint) as shortened_by_minutes

    from with_weekday

    left join holidays
        on with_weekday.date_day = holidays.holiday_date

),

final as (

    select
        with_work.date_day,
        cast({{ dbt.date_trunc('month', 'with_work.date_day') }} as date) as month_start,
        cast({{ dbt.date_trunc('quarter', 'with_work.date_day') }} as date) as quarter_start,
        cast({{ dbt.date_trunc('year', 'with_work.date_day') }} as date) as year_start,
        with_work.iso_weekday,
        with_work.works_as_weekday,
        with_work.shortened_by_minutes,
        worked_weekdays.weekday is not null as is_working_day

    from with_work

    left join worked_weekdays
        on with_work.works_as_weekday = worked_weekdays.weekday

)

select * from final
