-- Which pipelines does nobody use, and when were they last used?
with

pipelines as (

    select * from {{ ref('int_finding_pipelines') }}
    where is_unused

),

listed as (

    select
        pipeline_id,
        pipeline_name,
        last_used_at

    from pipelines

)

select * from listed
order by last_used_at nulls first, pipeline_id
