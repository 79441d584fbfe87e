with

from_portal as (

    select
        'bitrix24' as source,
        request_id,
        thread_id,
        request_channel,
        chat_connector,
        employee_id,
        requested_at,
        responded_at,
        answer_status

    from {{ ref('int_requests') }}

),

from_journal as (

    select
        'journal' as source,
        request_id,
        'request_' || request_id as thread_id,
        request_channel,
        cast(null as {{ dbt.type_string() }}) as chat_connector,
        'unknown' as employee_id,
        requested_at,
        responded_at,
        case when responded_at is null then 'unanswered' else 'answered' end as answer_status

    from {{ ref('int_journal_requests') }}

),

final as (

    select * from from_portal
    union all
    select * from from_journal

)

select * from final
