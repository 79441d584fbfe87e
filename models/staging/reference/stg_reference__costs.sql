with

source as (

    select * from {{ ref('costs') }}

),

renamed as (

    select
        cast(nullif(trim(cost_id), '') as {{ dbt.type_string() }}) as cost_id,
        cast(nullif(trim(cost_type), '') as {{ dbt.type_string() }}) as cost_type,
        cast(nullif(trim(channel), '') as {{ dbt.type_string() }}) as channel_id,
        cast(upper(nullif(trim(currency), '')) as {{ dbt.type_string() }}) as currency,
        cast(amount as numeric(28, 6)) as amount,
        cast(date_from as date) as date_from,
        cast(date_to as date) as date_to

    from source

)

select * from renamed
