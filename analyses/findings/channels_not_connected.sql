-- Which leads came by channels of which the CRM records no call, letter, form or chat?
with

demand as (

    select * from {{ ref('int_finding_demand') }}
    where is_of_unconnected_channel

),

employees as (

    select * from {{ ref('dim_employees') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

listed as (

    select
        demand.demand_unit_id,
        channels.channel_name,
        demand.request_channel,
        employees.employee_name,
        demand.created_at

    from demand

    left join employees
        on demand.employee_id = employees.employee_id

    left join channels
        on demand.channel_id = channels.channel_id

)

select * from listed
order by channel_name, request_channel, created_at, demand_unit_id
