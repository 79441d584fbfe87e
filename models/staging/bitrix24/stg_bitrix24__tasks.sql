with

typed_rows as (

    select * from {{ ref('base_bitrix24__tasks') }}

),

accepted as (

    select
        id as task_id,
        responsible_id as employee_id,
        created_by as creator_id,
        status as task_status,
        uf_crm_task as crm_links,
        created_date as created_at,
        closed_date as closed_at,
        deadline as deadline_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
