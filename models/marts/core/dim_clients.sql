{%- set inactivity_hours = var('client_inactivity_days') * 24 -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

deals as (

    select * from {{ ref('fct_deals') }}
    where client_id is not null

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

companies as (

    select * from {{ ref('stg_bitrix24__companies') }}

),

contacts as (

    select * from {{ ref('stg_bitrix24__contacts') }}

),

clients as (

    select
        client_id,
        min(client_type) as client_type,
        min(source) as source,
        min(known_until_at) as known_until_at

    from deals

    group by client_id

),

purchases_by_client as (

    select
        client_id,
        max(case when purchase_number = 1 then channel_id end) as channel_id,
        min(purchased_at) as first_purchase_at,
        max(case when purchase_number = 2 then purchased_at end) as second_purchase_at,
        max(purchased_at) as last_purchase_at,
        count(*) as purchases,
        sum(amount) as revenue

    from purchases

    group by client_id

),

-- a company can be reached through any of its people
cards as (

    select
        'company_' || company_id as client_id,
        has_phone,
        has_email

    from companies

    union all

    select
        coalesce('company_' || company_id, 'contact_' || contact_id) as client_id,
        has_phone,
        has_email

    from contacts

),

cards_by_client as (

    select
        client_id,
        count(*) filter (where has_phone or has_email) as cards_with_contact_data,
        count(*) filter (where has_phone is not null or has_email is not null) as judged_cards

    from cards

    group by client_id

),

final as (

    select
        clients.client_id,
        clients.client_type,
        coalesce(purchases_by_client.channel_id, 'unknown') as channel_id,
        purchases_by_client.first_purchase_at,
        cast({{ to_local('purchases_by_client.first_purchase_at') }} as date)
            as first_purchase_date,
        purchases_by_client.second_purchase_at,
        cast({{ to_local('purchases_by_client.second_purchase_at') }} as date)
            as second_purchase_date,
        purchases_by_client.last_purchase_at,
        cast({{ to_local('purchases_by_client.last_purchase_at') }} as date)
            as last_purchase_date,
        coalesce(purchases_by_client.purchases, 0) as purchases,
        cast(coalesce(purchases_by_client.revenue, 0) as numeric(28, 6)) as revenue,
        coalesce(
            {{ dbt.dateadd('hour', inactivity_hours, 'purchases_by_client.last_purchase_at') }}
            > settings.as_of_at,
            false
        )
        -- under what name such a client is in the CRM nobody knows
        and clients.known_until_at is null as is_active,
        case
            when cards_by_client.judged_cards > 0 then cards_by_client.cards_with_contact_data > 0
        end
            as has_contact_data,
        clients.source,
        clients.known_until_at

    from clients

    cross join settings

    left join purchases_by_client
        on clients.client_id = purchases_by_client.client_id

    left join cards_by_client
        on clients.client_id = cards_by_client.client_id

)

select * from final
