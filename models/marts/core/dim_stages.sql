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

)

select * from stages
