with

source as (

    select * from {{ ref('metric_catalog') }}

),

renamed as (

    select
        cast(nullif(trim(metric_code), '') as {{ dbt.type_string() }}) as metric_code,
        cast(nullif(trim(name_en), '') as {{ dbt.type_string() }}) as name_en,
        cast(nullif(trim(name_ru), '') as {{ dbt.type_string() }}) as name_ru,
        cast(nullif(trim(formula), '') as {{ dbt.type_string() }}) as formula,
        cast(nullif(trim(unit), '') as {{ dbt.type_string() }}) as unit,
        cast(nullif(trim(better_when), '') as {{ dbt.type_string() }}) as better_when,
        cast(nullif(trim(family), '') as {{ dbt.type_string() }}) as family,
        cast(nullif(trim(article_section), '') as {{ dbt.type_string() }}) as article_section,
        cast(nullif(trim(headline_column), '') as {{ dbt.type_string() }}) as headline_column,
        cast(nullif(trim(basis), '') as {{ dbt.type_string() }}) as basis,
        cast(nullif(trim(measure_name_en), '') as {{ dbt.type_string() }}) as measure_name_en,
        cast(nullif(trim(measure_name_ru), '') as {{ dbt.type_string() }}) as measure_name_ru,
        cast(nullif(trim(record_kinds), '') as {{ dbt.type_string() }}) as record_kinds

    from source

)

select * from renamed
