-- Which leads does nobody move, and whose are they? The oldest first.
with

leads as (

    select * from {{ ref('int_finding_leads') }}
    where is_unmoved

),

employees as (

    select * from {{ ref('dim_employees') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

listed as (

    select
        leads.lead_id,
        channels.channel_name,
        employees.employee_name,
        leads.status_id,
        leads.created_at

    from leads

    left join employees
        on leads.employee_id = employees.employee_id

    left join channels
        on leads.channel_id = channels.channel_id

)

select * from listed
order by created_at, lead_id
