-- Which deals were won within minutes of their creation, and whose are they?
with

closed_deals as (

    select * from {{ ref('int_finding_closed_deals') }}
    where is_won_at_once

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
        employees.employee_name,
        closed_deals.client_id,
        closed_deals.created_at,
        closed_deals.closed_at,
        closed_deals.amount

    from closed_deals

    left join employees
        on closed_deals.employee_id = employees.employee_id

    left join pipelines
        on closed_deals.pipeline_id = pipelines.pipeline_id

)

select * from listed
order by employee_name, created_at, deal_id
