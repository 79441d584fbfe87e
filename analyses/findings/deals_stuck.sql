-- Which open deals have not moved for long? Close them or move them, the oldest first.
with

created_deals as (

    select * from {{ ref('int_finding_created_deals') }}
    where is_stuck

),

employees as (

    select * from {{ ref('dim_employees') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

listed as (

    select
        created_deals.deal_id,
        pipelines.pipeline_name,
        created_deals.stage_id,
        employees.employee_name,
        created_deals.client_id,
        created_deals.created_at,
        created_deals.last_moved_at

    from created_deals

    left join employees
        on created_deals.employee_id = employees.employee_id

    left join pipelines
        on created_deals.pipeline_id = pipelines.pipeline_id

)

select * from listed
order by last_moved_at, deal_id
