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
        -- minutes, as no time type knows the 24:00 of a shift that lasts until midnight
        60 * {{ try_cast('substring(trim(start_time), 1, 2)', 'integer') }}
        + {{ try_cast('substring(trim(start_time), 4, 2)', 'integer') }} as start_minute,
        60 * {{ try_cast('substring(trim(end_time), 1, 2)', 'integer') }}
        + {{ try_cast('substring(trim(end_time), 4, 2)', 'integer') }} as end_minute

    from source

)

select * from renamed
