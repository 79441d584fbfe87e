with

processes as (

    select
        process_id,
        process_name,
        process_category,
        exists_from,
        exists_to,
        automated_from,
        automated_to

    from {{ ref('stg_reference__business_processes') }}

)

select * from processes
