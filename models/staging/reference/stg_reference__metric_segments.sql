with

source as (

    select * from {{ ref('metric_segments') }}

),

renamed as (

    select
        trim(metric_code) || '|' || trim(segment_type) as metric_segment_key,
        cast(nullif(trim(metric_code), '') as {{ dbt.type_string() }}) as metric_code,
        cast(nullif(trim(segment_type), '') as {{ dbt.type_string() }}) as segment_type

    from source

)

select * from renamed
