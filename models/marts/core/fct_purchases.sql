with

deals as (

    select * from {{ ref('fct_deals') }}

),

purchases as (

    select
        deal_id,
        client_id,
        client_type,
        channel_id,
        amount,
        source,
        won_at as purchased_at,
        won_date as purchased_date,
        won_hour as purchased_hour,
        cast(
            row_number() over (
                partition by client_id
                order by won_at, {{ in_order_of_ids('deal_id', 'source') }}
            ) as bigint
        ) as purchase_number

    from deals

    where state = 'won' and client_id is not null

)

select * from purchases
