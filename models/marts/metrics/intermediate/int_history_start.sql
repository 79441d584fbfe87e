with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

span as (

    select * from {{ ref('int_data_span') }}

),

start as (

    select
        coalesce({{ date_var('history_start_date') }}, min(purchases.purchased_date))
            as history_start_date

    from purchases

    -- a stray of years ago is before the first month
    inner join span
        on purchases.purchased_date >= span.first_month

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
        history_start_date,
        settled_from_at,
        -- days are 24 hours: where the clock is put forward they end after midnight
        cast(
            {{ dbt.dateadd('day', 1, dbt.dateadd('microsecond', -1, to_local('settled_from_at'))) }}
            as date
        ) as settled_from_date

    from settled

)

select * from final
