with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

start as (

    select coalesce({{ date_var('history_start_date') }}, min(purchased_date)) as history_start_date

    from purchases

),

-- nobody can be lost, and nobody be told to be an old client, until a client could have become inactive
final as (

    select
        'data' as history_start_key,
        history_start_date,
        cast({{ dbt.dateadd('day', var('client_inactivity_days'), 'history_start_date') }} as date)
            as settled_from_date

    from start

)

select * from final
