with

leads as (

    select * from {{ ref('int_leads') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

deals_by_lead as (

    select
        lead_id,
        count(*) as deals,
        min(won_at) as won_at

    from deals

    where lead_id is not null

    group by lead_id

),

final as (

    select
        leads.lead_id,
        leads.channel_id,
        leads.employee_id,
        leads.outcome,
        leads.outcome = 'excluded' as is_excluded,
        leads.created_at,
        leads.created_date,
        deals_by_lead.won_at is not null as is_won,
        deals_by_lead.won_at,
        leads.outcome = 'converted' or deals_by_lead.lead_id is not null as is_converted,
        coalesce(deals_by_lead.deals, 0) as deals

    from leads

    left join deals_by_lead
        on leads.lead_id = deals_by_lead.lead_id

)

select * from final
