with

source as (

    select * from {{ ref('channels') }}

),

renamed as (

    select
        cast(nullif(trim(source_id), '') as {{ dbt.type_string() }}) as source_id,
        cast(nullif(trim(channel_id), '') as {{ dbt.type_string() }}) as channel_id,
        cast(nullif(trim(channel_name), '') as {{ dbt.type_string() }}) as channel_name,
        cast(nullif(trim(request_channel), '') as {{ dbt.type_string() }}) as request_channel

    from source

)

select * from renamed
