with

source as (

    select * from {{ ref('price_index') }}

),

renamed as (

    select
        cast(substring(trim(month), 1, 7) || '-01' as date) as month_start,
        cast(index as numeric(28, 6)) as price_index

    from source

)

select * from renamed
