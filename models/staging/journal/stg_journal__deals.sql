with

typed_rows as (

    select * from {{ ref('base_journal__deals') }}

),

accepted as (

    select
        deal_no,
        client as client_name,
        channel as channel_name,
        first_contact_date as first_contact_at,
        case when result <> 'open' then closed_date end as closed_at,
        result,
        amount,
        currency,
        loss_reason as loss_reason_name

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
