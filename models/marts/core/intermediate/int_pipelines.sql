with

pipelines as (

    select * from {{ ref('stg_bitrix24__pipelines') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

members as (

    select pipeline_id from pipelines
    union
    select pipeline_id from deals

),

named as (

    select
        members.pipeline_id,
        coalesce(pipelines.pipeline_name, members.pipeline_id) as pipeline_name,
        pipelines.sort_order,
        coalesce(pipelines.is_default, members.pipeline_id = '0') as is_default

    from members

    left join pipelines
        on members.pipeline_id = pipelines.pipeline_id

)

select * from named
