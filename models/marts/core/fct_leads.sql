with

leads as (

    select * from {{ ref('stg_bitrix24__leads') }}

),

states as (

    select * from {{ ref('int_entity_states') }}
    where entity_type = 'lead'

),

sources as (

    select * from {{ ref('int_sources') }}

),

lead_outcomes as (

    select * from {{ ref('stg_reference__lead_outcomes') }}

),

contacts as (

    select * from {{ ref('stg_bitrix24__contacts') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

deals_by_lead as (

    select
        lead_id,
        count(*) as deals,
        count(*) filter (where client_history = 'returning') as deals_of_returning_clients,
        min(won_at) as won_at

    from deals

    where lead_id is not null

    group by lead_id

),

first_wins as (

    select
        client_id,
        min(won_at) as first_won_at

    from deals

    where client_id is not null and won_at is not null

    group by client_id

),

with_outcome as (

    select
        leads.lead_id,
        coalesce(
            'company_' || leads.company_id,
            'company_' || contacts.company_id,
            'contact_' || leads.contact_id
        ) as client_id,
        coalesce(sources.channel_id, 'unknown') as channel_id,
        coalesce(leads.employee_id, 'unknown') as employee_id,
        coalesce(
            lead_outcomes.outcome,
            case states.semantic
                when 'S' then 'converted'
                when 'F' then 'junk'
                else 'open'
            end
        ) as outcome,
        states.stage_id as status_id,
        sources.request_channel,
        leads.created_at,
        leads.moved_at,
        leads.utm_source,
        leads.utm_medium,
        leads.utm_campaign

    from leads

    inner join states
        on leads.lead_id = states.entity_id

    left join contacts
        on leads.contact_id = contacts.contact_id

    left join sources
        on leads.source_id = sources.source_id

    left join lead_outcomes
        on states.stage_id = lead_outcomes.status_id

),

final as (

    select
        with_outcome.lead_id,
        'lead_' || with_outcome.lead_id as thread_id,
        with_outcome.channel_id,
        with_outcome.employee_id,
        case
            when
                first_wins.first_won_at < with_outcome.created_at
                or deals_by_lead.deals_of_returning_clients > 0
                then 'returning'
            else 'new'
        end as client_history,
        with_outcome.status_id,
        with_outcome.outcome,
        with_outcome.outcome = 'excluded' as is_excluded,
        with_outcome.created_at,
        cast({{ to_local('with_outcome.created_at') }} as date) as created_date,
        {{ local_hour('with_outcome.created_at') }} as created_hour,
        deals_by_lead.won_at is not null as is_won,
        deals_by_lead.won_at,
        cast({{ to_local('deals_by_lead.won_at') }} as date) as won_date,
        with_outcome.outcome = 'converted' or deals_by_lead.lead_id is not null as is_converted,
        coalesce(deals_by_lead.deals, 0) as deals,
        with_outcome.request_channel,
        with_outcome.moved_at,
        with_outcome.utm_source,
        with_outcome.utm_medium,
        with_outcome.utm_campaign

    from with_outcome

    left join deals_by_lead
        on with_outcome.lead_id = deals_by_lead.lead_id

    left join first_wins
        on with_outcome.client_id = first_wins.client_id

)

select * from final
