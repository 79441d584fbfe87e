with

purchases as (

    select * from {{ ref('int_purchases') }}

),

clients as (

    select
        client_id,
        min(client_type) as client_type,
        max(case when purchase_number = 1 then channel_id end) as channel_id,
        min(purchased_at) as first_purchase_at,
        max(case when purchase_number = 2 then purchased_at end) as second_purchase_at,
        max(purchased_at) as last_purchase_at,
        count(*) as purchases,
        cast(sum(amount) as numeric(28, 6)) as revenue

    from purchases

    group by client_id

)

select * from clients
