with

source as (

    select * from {{ ref('exchange_rates') }}

),

renamed as (

    select
        upper(trim(currency)) || '|' || upper(trim(base_currency))
        || '|' || cast(valid_from as {{ dbt.type_string() }}) as exchange_rate_key,
        cast(upper(nullif(trim(currency), '')) as {{ dbt.type_string() }}) as currency,
        cast(upper(nullif(trim(base_currency), '')) as {{ dbt.type_string() }}) as base_currency,
        cast(rate as numeric(28, 10)) as rate,
        cast(valid_from as date) as valid_from

    from source

)

select * from renamed
