with

won_deals as (

    select * from {{ ref('bitrix24_effectiveness', 'fct_deals') }}
    where state = 'won'

),

channels as (

    select * from {{ ref('bitrix24_effectiveness', 'dim_channels') }}

),

deal_types as (

    select * from {{ ref('stg_deal_types') }}

),

with_type as (

    select
        cast({{ dbt.date_trunc('week', 'won_deals.won_date') }} as date) as week_start,
        won_deals.channel_id,
        coalesce(deal_types.deal_type, 'unknown') as deal_type,
        won_deals.amount

    from won_deals

    left join deal_types
        on won_deals.deal_id = deal_types.deal_id

),

by_week as (

    select
        week_start,
        channel_id,
        deal_type,
        count(*) as deals,
        sum(amount) as revenue

    from with_type

    group by week_start, channel_id, deal_type

),

final as (

    select
        cast(by_week.week_start as {{ dbt.type_string() }})
        || '|' || by_week.channel_id || '|' || by_week.deal_type as revenue_key,
        by_week.week_start,
        by_week.channel_id,
        channels.channel_name,
        by_week.deal_type,
        by_week.deals,
        by_week.revenue,
        {{ bitrix24_effectiveness.ratio('by_week.revenue', 'by_week.deals') }} as average_deal_size

    from by_week

    inner join channels
        on by_week.channel_id = channels.channel_id

)

select * from final
