with

requests as (

    select * from {{ ref('stg_journal__requests') }}

),

months as (

    select * from {{ ref('int_journal_months') }}
    where record_kind = 'requests' and is_used

),

final as (

    select
        'journal_' || requests.request_no as request_id,
        requests.request_channel,
        requests.requested_at,
        -- an answer after the end of the journal is one that it does not know of
        case when requests.answered_at < months.known_until_at then requests.answered_at end
            as responded_at,
        months.known_until_at

    from requests

    inner join months
        on
            cast({{ dbt.date_trunc('month', to_local('requests.requested_at')) }} as date)
            = months.month_start
            and requests.requested_at < months.known_until_at

)

select * from final
