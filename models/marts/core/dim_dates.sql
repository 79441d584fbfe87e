with

dates as (

    select * from {{ ref('int_dates') }}

),

working_dates as (

    select distinct date_day

    from {{ ref('int_working_intervals') }}

    where starts_at is not null

),

final as (

    select
        dates.date_day,
        dates.month_start,
        dates.quarter_start,
        dates.year_start,
        dates.iso_weekday,
        working_dates.date_day is not null as is_working_day

    from dates

    left join working_dates
        on dates.date_day = working_dates.date_day

)

select * from final
