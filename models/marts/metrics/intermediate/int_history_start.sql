{%- set journal_settled_at = dbt.dateadd(
    'hour', var('client_inactivity_days') * 24, 'journal_start.first_purchase_at'
) -%}

with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

span as (

    select * from {{ ref('int_data_span') }}

),

journal_end as (

    select max(known_until_at) as known_until_at
    from {{ ref('int_journal_months') }}
    where record_kind = 'deals' and is_used

),

-- the clients of a journal are not those of the CRM: each record has its own beginning
journal_start as (

    select min(purchased_at) as first_purchase_at
    from purchases
    where source = 'journal'

),

start as (

    select
        coalesce({{ date_var('history_start_date') }}, min(purchases.purchased_date))
            as history_start_date

    from purchases

    -- a stray of years ago is before the first month
    inner join span
        on purchases.purchased_date >= span.first_month

    where purchases.source is distinct from 'journal'

),

-- nobody can be lost, and nobody be told to be an old client, until a client could have become
-- inactive
settled as (

    select
        history_start_date,
        {{ dbt.dateadd(
            'hour',
            var('client_inactivity_days') * 24,
            to_utc('cast(history_start_date as timestamp)')
        ) }} as settled_from_at

    from start

),

final as (

    select
        'data' as history_start_key,
        settled.history_start_date,
        settled.settled_from_at,
        -- days are 24 hours: where the clock is put forward they end after midnight
        cast(
            {{ dbt.dateadd(
                'day', 1, dbt.dateadd('microsecond', -1, to_local('settled.settled_from_at'))
            ) }}
            as date
        ) as settled_from_date,
        cast(
            {{ dbt.dateadd(
                'day', 1, dbt.dateadd('microsecond', -1, to_local(journal_settled_at))
            ) }}
            as date
        ) as journal_settled_from_date,
        cast({{ to_local('journal_end.known_until_at') }} as date) as journal_end_date

    from settled

    cross join journal_start
    cross join journal_end

)

select * from final
