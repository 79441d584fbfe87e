with

typed_rows as (

    select * from {{ ref('base_bitrix24__currencies') }}

),

accepted as (

    select
        currency,
        amount_cnt as units,
        amount as price_in_base,
        base as is_base

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
