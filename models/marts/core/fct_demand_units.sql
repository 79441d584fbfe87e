with

settings as (

    select * from {{ ref('int_run_settings') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

threads as (

    select * from {{ ref('int_threads') }}

),

recorded_months as (

    select * from {{ ref('int_recorded_months') }}

),

loss_reasons as (

    select * from {{ ref('stg_reference__loss_reasons') }}

),

deals_by_lead as (

    select
        lead_id,
        count(*) filter (where state = 'open') as open_deals,
        count(*) filter (where state = 'lost') as lost_deals

    from deals

    where lead_id is not null

    group by lead_id

),

latest_lost_deals as (

    select
        lead_id,
        stage_id,
        row_number() over (
            partition by lead_id
            order by lost_at desc, cast(deal_id as bigint) desc
        ) as newest_first

    from deals

    where lead_id is not null and state = 'lost'

),

units as (

    select
        leads.thread_id as demand_unit_id,
        leads.thread_id,
        leads.channel_id,
        leads.employee_id,
        leads.client_history,
        leads.request_channel,
        leads.created_at,
        leads.created_date,
        leads.is_excluded,
        leads.won_at,
        leads.is_converted,
        leads.outcome = 'junk' as is_junk,
        not leads.is_won
        and coalesce(deals_by_lead.open_deals, 0) = 0
        and (leads.outcome = 'junk' or coalesce(deals_by_lead.lost_deals, 0) > 0) as is_lost,
        case when latest_lost_deals.stage_id is null then 'lead' else 'deal' end
            as lost_entity_type,
        coalesce(latest_lost_deals.stage_id, leads.status_id) as lost_stage_id,
        'bitrix24' as source,
        false as is_organisational_in_journal

    from leads

    inner join settings
        on settings.demand_entity in ('lead', 'both')

    left join deals_by_lead
        on leads.lead_id = deals_by_lead.lead_id

    left join latest_lost_deals
        on
            leads.lead_id = latest_lost_deals.lead_id
            and latest_lost_deals.newest_first = 1

    union all

    select
        'deal_' || deals.deal_id as demand_unit_id,
        deals.thread_id,
        deals.channel_id,
        deals.employee_id,
        deals.client_history,
        deals.request_channel,
        deals.created_at,
        deals.created_date,
        false as is_excluded,
        deals.won_at,
        deals.state = 'won' as is_converted,
        deals.state = 'lost' as is_junk,
        deals.state = 'lost' as is_lost,
        'deal' as lost_entity_type,
        deals.stage_id as lost_stage_id,
        deals.source,
        coalesce(deals.source = 'journal' and deals.is_organisational_loss, false)
            as is_organisational_in_journal

    from deals

    inner join settings
        on
            settings.demand_entity = 'deal'
            or (settings.demand_entity = 'both' and not deals.has_known_lead)
            -- a journal has no leads: each of its rows is somebody who wanted something
            or deals.source = 'journal'

),

final as (

    select
        units.demand_unit_id,
        units.thread_id,
        units.source,
        units.channel_id,
        units.employee_id,
        units.client_history,
        units.request_channel,
        units.created_at,
        units.created_date,
        {{ local_hour('units.created_at') }} as created_hour,
        units.is_excluded,
        units.won_at,
        cast({{ to_local('units.won_at') }} as date) as won_date,
        units.is_converted,
        units.is_junk,
        units.is_lost,
        coalesce(threads.has_response, false) as is_answered,
        units.is_lost
        and (
            coalesce(loss_reasons.is_organisational, false)
            or units.is_organisational_in_journal
            or (
                recorded_months.month_start is not null
                and units.source is distinct from 'journal'
                and not coalesce(threads.may_have_response, false)
            )
        ) as is_organisational_loss

    from units

    -- where nothing was recorded, nobody can say what was answered
    left join recorded_months
        on {{ dbt.date_trunc('month', 'units.created_date') }} = recorded_months.month_start

    left join threads
        on units.thread_id = threads.thread_id

    left join loss_reasons
        on
            units.lost_entity_type = loss_reasons.entity_type
            and units.lost_stage_id = loss_reasons.stage_id

)

select * from final
