{%- set inactivity_hours = var('client_inactivity_days') * 24 -%}

with

clients as (

    select * from {{ ref('int_clients') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

final as (

    select
        clients.client_id,
        clients.client_type,
        clients.channel_id,
        clients.first_purchase_at,
        clients.last_purchase_at,
        clients.purchases,
        clients.revenue,
        {{ dbt.dateadd('hour', inactivity_hours, 'clients.last_purchase_at') }} > settings.as_of_at as is_active

    from clients

    cross join settings

)

select * from final
