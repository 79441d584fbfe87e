with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

processes as (

    select * from {{ ref('stg_reference__business_processes') }}

),

final as (

    select
        processes.process_id,
        processes.process_name,
        processes.process_category,
        not coalesce(
            processes.automated_from <= finding_window.as_of_date
            and coalesce(processes.automated_to >= finding_window.as_of_date, true),
            false
        ) as is_not_automated

    from processes

    inner join finding_window
        on
            coalesce(processes.exists_from <= finding_window.as_of_date, true)
            and coalesce(processes.exists_to >= finding_window.as_of_date, true)

    where finding_window.as_of_date is not null

)

select * from final
