with

stages as (

    select
        pipeline_id || '|' || stage_id as stage_key,
        pipeline_id,
        stage_id,
        stage_name,
        cast(sort_order as bigint) as stage_sort,
        semantic

    from {{ ref('int_stages') }}

    where entity_type = 'deal'

    union all

    -- where a deal was at an as_of in the past, when its history does not reach back to it
    select
        'unknown' as stage_key,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        'unknown' as stage_id,
        'Unknown' as stage_name,
        cast(null as bigint) as stage_sort,
        cast(null as {{ dbt.type_string() }}) as semantic

)

select * from stages
