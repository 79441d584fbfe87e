with

typed_rows as (

    select * from {{ ref('base_bitrix24__activities') }}

),

accepted as (

    select
        id as activity_id,
        owner_type_id,
        owner_id,
        type_id as activity_type,
        provider_id,
        provider_type_id,
        direction,
        responsible_id,
        author_id,
        completed as is_completed,
        is_incoming_channel,
        result_status as chat_status,
        associated_entity_id as chat_session_id,
        lower(result_source_id) as chat_connector,
        created as created_at,
        start_time as started_at,
        end_time as ended_at,
        deadline as deadline_at,
        last_updated as modified_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
