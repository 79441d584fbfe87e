-- Which leads (deals, where there are no leads) have no source, and who entered them?
with

demand as (

    select * from {{ ref('int_finding_demand') }}
    where is_without_source

),

employees as (

    select * from {{ ref('dim_employees') }}

),

listed as (

    select
        demand.demand_unit_id,
        employees.employee_name,
        demand.created_at

    from demand

    left join employees
        on demand.employee_id = employees.employee_id

)

select * from listed
order by employee_name, created_at, demand_unit_id
