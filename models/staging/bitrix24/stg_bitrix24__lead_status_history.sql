with

typed_rows as (

    select * from {{ ref('base_bitrix24__lead_status_history') }}

),

accepted as (

    select
        id as change_id,
        owner_id as lead_id,
        type_id as change_type,
        status_id,
        status_semantic_id as semantic,
        created_time as changed_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
