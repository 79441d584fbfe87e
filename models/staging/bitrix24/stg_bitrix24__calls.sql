with

typed_rows as (

    select * from {{ ref('base_bitrix24__calls') }}

),

accepted as (

    select
        id as call_id,
        crm_activity_id as activity_id,
        crm_entity_type as entity_type,
        crm_entity_id as entity_id,
        call_type,
        call_failed_code as result_code,
        portal_user_id as employee_id,
        call_duration as duration_seconds,
        call_start_date as started_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
