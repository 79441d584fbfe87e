with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

start as (

    select coalesce({{ date_var('history_start_date') }}, min(purchased_date)) as history_start_date

    from purchases

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
