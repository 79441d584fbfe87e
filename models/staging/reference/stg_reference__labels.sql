with

source as (

    select * from {{ ref('labels') }}

),

renamed as (

    select
        cast(nullif(trim(table_name), '') as {{ dbt.type_string() }}) as table_name,
        cast(nullif(trim(column_name), '') as {{ dbt.type_string() }}) as column_name,
        cast(nullif(trim(member), '') as {{ dbt.type_string() }}) as member,
        cast(nullif(trim(label_en), '') as {{ dbt.type_string() }}) as label_en,
        cast(nullif(trim(label_ru), '') as {{ dbt.type_string() }}) as label_ru

    from source

),

final as (

    select
        coalesce(table_name, '')
        || '|' || column_name
        || '|' || coalesce(member, '') as label_key,
        table_name,
        column_name,
        member,
        label_en,
        label_ru

    from renamed

)

select * from final
