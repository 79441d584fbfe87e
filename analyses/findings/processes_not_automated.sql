-- Which processes still need a person?
with

processes as (

    select * from {{ ref('int_finding_processes') }}
    where is_not_automated

),

listed as (

    select
        process_id,
        process_name,
        process_category

    from processes

)

select * from listed
order by process_category, process_id
