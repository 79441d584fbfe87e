-- Which stages of the pipelines in use does nobody use, and when were they last used?
with

stages as (

    select * from {{ ref('int_finding_stages') }}
    where is_unused

),

listed as (

    select
        pipeline_name,
        stage_id,
        stage_name,
        last_used_at

    from stages

)

select * from listed
order by pipeline_name, stage_id
