-- Which clients can be reached neither by phone nor by e-mail? Those with the most deals first.
with

clients as (

    select * from {{ ref('int_finding_clients') }}
    where is_without_contact_data

),

listed as (

    select
        client_id,
        client_type,
        deals,
        last_deal_at

    from clients

)

select * from listed
order by deals desc, last_deal_at desc, client_id asc
