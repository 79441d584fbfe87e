with

costs as (

    select
        cost_day_key,
        date_day,
        cost_id,
        cost_type,
        channel_id,
        amount

    from {{ ref('int_daily_costs') }}

)

select * from costs
