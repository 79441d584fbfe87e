with

source as (

    select * from {{ ref('goals') }}

),

renamed as (

    select
        cast(nullif(trim(metric_code), '') as {{ dbt.type_string() }}) as metric_code,
        cast(target_value as numeric(28, 6)) as target_value,
        cast(target_change_pct as numeric(28, 6)) as target_change_pct,
        cast(target_date as date) as target_date

    from source

)

select * from renamed
