with

span as (

    select * from {{ ref('int_data_span') }}

),

holidays as (

    select * from {{ ref('stg_reference__holidays') }}

),

names as (

    select * from {{ ref('stg_reference__labels') }}
    where
        column_name in ('month_number', 'iso_weekday')
        and coalesce(table_name, 'dim_dates') = 'dim_dates'

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

-- a week is of the year that its Thursday is in (ISO 8601)
with_week as (

    select
        *,
        cast({{ dbt.dateadd('day', '1 - iso_weekday', 'date_day') }} as date) as week_start,
        cast({{ dbt.dateadd('day', '4 - iso_weekday', 'date_day') }} as date) as thursday

    from with_weekday

),

-- a holiday works as no weekday at all, a moved working day as the weekday that it stands in for,
-- a shortened day as its own
with_work as (

    select
        with_week.date_day,
        with_week.iso_weekday,
        with_week.week_start,
        with_week.thursday,
        holidays.holiday_name,
        holidays.holiday_date is not null
        and holidays.works_as_weekday is null
        and holidays.shortened_by_minutes is null as is_holiday,
        case
            when holidays.works_as_weekday is not null
                then cast(holidays.works_as_weekday as bigint)
            when holidays.holiday_date is null or holidays.shortened_by_minutes is not null
                then with_week.iso_weekday
        end as works_as_weekday,
        cast(coalesce(holidays.shortened_by_minutes, 0) as bigint) as shortened_by_minutes

    from with_week

    left join holidays
        on with_week.date_day = holidays.holiday_date

),

final as (

    select
        with_work.date_day,
        cast({{ dbt.date_trunc('month', 'with_work.date_day') }} as date) as month_start,
        cast({{ dbt.date_trunc('quarter', 'with_work.date_day') }} as date) as quarter_start,
        cast({{ dbt.date_trunc('year', 'with_work.date_day') }} as date) as year_start,
        cast(extract(month from with_work.date_day) as bigint) as month_number,
        month_names.label_en as month_name_en,
        month_names.label_ru as month_name_ru,
        with_work.week_start,
        cast(extract(year from with_work.thursday) as bigint) as iso_year,
        cast(
            {{ whole_quotient(dbt.datediff(
                dbt.date_trunc('year', 'with_work.thursday'), 'with_work.thursday', 'day'
            ), 7) }} as bigint
        )
        + 1 as iso_week,
        with_work.iso_weekday,
        weekday_names.label_en as weekday_name_en,
        weekday_names.label_ru as weekday_name_ru,
        with_work.iso_weekday in (6, 7) as is_weekend,
        with_work.is_holiday,
        with_work.holiday_name,
        with_work.works_as_weekday,
        with_work.shortened_by_minutes,
        worked_weekdays.weekday is not null as is_working_day

    from with_work

    left join worked_weekdays
        on with_work.works_as_weekday = worked_weekdays.weekday

    left join names as month_names
        on
            month_names.column_name = 'month_number'
            and cast(
                cast(extract(month from with_work.date_day) as bigint) as {{ dbt.type_string() }}
            )
            = month_names.member

    left join names as weekday_names
        on
            weekday_names.column_name = 'iso_weekday'
            and cast(with_work.iso_weekday as {{ dbt.type_string() }}) = weekday_names.member

)

select * from final
