with

pipelines as (

    select
        pipeline_id,
        pipeline_name,
        cast(sort_order as bigint) as pipeline_sort,
        is_default

    from {{ ref('int_pipelines') }}

)

select * from pipelines
