with

source as (

    select * from {{ ref('finding_catalog') }}

),

renamed as (

    select
        cast(nullif(trim(finding_code), '') as {{ dbt.type_string() }}) as finding_code,
        cast(nullif(trim(severity), '') as {{ dbt.type_string() }}) as severity,
        cast(nullif(trim(cause), '') as {{ dbt.type_string() }}) as cause,
        cast(nullif(trim(recommended_action), '') as {{ dbt.type_string() }}) as recommended_action,
        cast(nullif(trim(name_en), '') as {{ dbt.type_string() }}) as name_en,
        cast(nullif(trim(name_ru), '') as {{ dbt.type_string() }}) as name_ru,
        cast(nullif(trim(what_en), '') as {{ dbt.type_string() }}) as what_en,
        cast(nullif(trim(what_ru), '') as {{ dbt.type_string() }}) as what_ru,
        cast(nullif(trim(advice_en), '') as {{ dbt.type_string() }}) as advice_en,
        cast(nullif(trim(advice_ru), '') as {{ dbt.type_string() }}) as advice_ru

    from source

)

select * from renamed
