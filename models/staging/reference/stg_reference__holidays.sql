with

source as (

    select * from {{ ref('holidays') }}

),

renamed as (

    select
        cast(nullif(trim(name), '') as {{ dbt.type_string() }}) as holiday_name,
        cast(works_as_weekday as integer) as works_as_weekday,
        cast(shortened_by_minutes as integer) as shortened_by_minutes,
        cast(holiday_date as date) as holiday_date

    from source

)

select * from renamed
