with

typed_rows as (

    select * from {{ ref('base_bitrix24__openline_messages') }}

),

accepted as (

    select
        id as message_id,
        session_id,
        sender_id,
        lower(sender_kind) as sender_kind,
        sent_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
