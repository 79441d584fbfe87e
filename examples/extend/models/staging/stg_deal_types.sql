-- a raw column that the package does not read; a field of your own is read the same way
with

raw_deals as (

    select * from {{ source('bitrix24', 'crm_deal') }}

),

final as (

    select
        cast(id as {{ dbt.type_string() }}) as deal_id,
        max(nullif(cast(type_id as {{ dbt.type_string() }}), '')) as deal_type

    from raw_deals

    where id is not null

    -- a raw table can hold a row more than once
    group by cast(id as {{ dbt.type_string() }})

)

select * from final
