-- A moved working day takes the hours of a weekday; a weekday without hours makes it a day off,
-- which is what the row was meant to prevent.
with

holidays as (

    select * from {{ ref('stg_reference__holidays') }}

),

working_hours as (

    select * from {{ ref('stg_reference__working_hours') }}

)

select
    'holidays' as seed,
    cast(holidays.holiday_date as {{ dbt.type_string() }}) as row_key,
    'works_as_weekday has no working hours' as problem

from holidays

left join working_hours
    on holidays.works_as_weekday = working_hours.weekday

where holidays.works_as_weekday is not null and working_hours.weekday is null
