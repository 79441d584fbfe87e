-- Which won deals have neither a company nor a contact? Fill them in, the largest first.
with

closed_deals as (

    select * from {{ ref('int_finding_closed_deals') }}
    where is_without_client

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
        closed_deals.closed_at,
        closed_deals.amount

    from closed_deals

    left join employees
        on closed_deals.employee_id = employees.employee_id

    left join pipelines
        on closed_deals.pipeline_id = pipelines.pipeline_id

)

select * from listed
order by amount desc, deal_id asc
