with

typed_rows as (

    select * from {{ ref('base_journal__deals') }}

),

accepted as (

    select
        deal_no,
        client as client_name,
        channel as channel_name,
        -- a list of sales knows of a deal on the day of the sale
        coalesce(first_contact_date, closed_date) as first_contact_at,
        first_contact_date is not null as is_first_contact_known,
        case when result <> 'open' then closed_date end as closed_at,
        result,
        amount,
        currency,
        loss_reason as loss_reason_name

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
