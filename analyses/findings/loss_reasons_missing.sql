-- Which deals were lost in a stage that names no reason? Map the stage in the seed loss_reasons, or give
-- the deal a stage that says more.
with

closed_deals as (

    select * from {{ ref('int_finding_closed_deals') }}
    where is_without_loss_reason

),

employees as (

    select * from {{ ref('dim_employees') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

listed as (

    select
        closed_deals.deal_id,
        pipelines.pipeline_name,
        closed_deals.stage_id,
        employees.employee_name,
        closed_deals.closed_at,
        closed_deals.amount

    from closed_deals

    left join employees
        on closed_deals.employee_id = employees.employee_id

    left join pipelines
        on closed_deals.pipeline_id = pipelines.pipeline_id

)

select * from listed
order by pipeline_name asc, stage_id asc, amount desc, deal_id asc
