with

source as (

    select * from {{ ref('working_hours') }}

),

renamed as (

    select
        cast(weekday as {{ dbt.type_string() }}) || '|' || trim(start_time) as working_hours_key,
        cast(nullif(trim(start_time), '') as {{ dbt.type_string() }}) as start_time,
        cast(nullif(trim(end_time), '') as {{ dbt.type_string() }}) as end_time,
        cast(weekday as integer) as weekday,
        {{ minutes_of_day('trim(start_time)') }} as start_minute,
        {{ minutes_of_day('trim(end_time)') }} as end_minute

    from source

)

select * from renamed
