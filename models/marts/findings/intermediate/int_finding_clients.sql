with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}
    where client_id is not null

),

clients as (

    select
        deals.client_id,
        deals.client_type,
        count(*) as deals,
        max(deals.created_at) as last_deal_at

    from deals

    inner join finding_window
        on deals.created_at >= finding_window.window_start_at

    group by deals.client_id, deals.client_type

),

-- a company can be reached through any of its people
cards as (

    select
        'company_' || company_id as client_id,
        has_phone,
        has_email

    from {{ ref('stg_bitrix24__companies') }}

    union all

    select
        coalesce('company_' || company_id, 'contact_' || contact_id) as client_id,
        has_phone,
        has_email

    from {{ ref('stg_bitrix24__contacts') }}

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
        clients.deals,
        clients.last_deal_at,
        case when cards_by_client.judged_cards > 0 then cards_by_client.cards_with_contact_data = 0 end
            as is_without_contact_data

    from clients

    left join cards_by_client
        on clients.client_id = cards_by_client.client_id

)

select * from final
