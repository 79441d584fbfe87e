with

source as (

    select * from {{ ref('business_processes') }}

),

renamed as (

    select
        cast(nullif(trim(process_id), '') as {{ dbt.type_string() }}) as process_id,
        cast(nullif(trim(name), '') as {{ dbt.type_string() }}) as process_name,
        cast(nullif(trim(category), '') as {{ dbt.type_string() }}) as process_category,
        cast(exists_from as date) as exists_from,
        cast(exists_to as date) as exists_to,
        cast(automated_from as date) as automated_from,
        cast(automated_to as date) as automated_to

    from source

)

select * from renamed
