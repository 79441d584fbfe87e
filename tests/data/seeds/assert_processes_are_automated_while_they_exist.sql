-- The level of automation divides automated processes by existing ones: a process with its dates
-- the wrong way round, or automated before it was there, makes the share wrong or above 100 %.
with

business_processes as (

    select * from {{ ref('stg_reference__business_processes') }}

),

problems as (

    select
        process_id as row_key,
        'exists_to lies before exists_from' as problem

    from business_processes

    where exists_to < exists_from

    union all

    select
        process_id as row_key,
        'automated_to lies before automated_from' as problem

    from business_processes

    where automated_to < automated_from

    union all

    select
        process_id as row_key,
        'automated_to without automated_from' as problem

    from business_processes

    where automated_to is not null and automated_from is null

    union all

    select
        process_id as row_key,
        'automated before it exists' as problem

    from business_processes

    where automated_from < exists_from

)

select
    'business_processes' as seed,
    row_key,
    problem

from problems
