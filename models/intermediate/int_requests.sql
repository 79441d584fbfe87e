with

settings as (

    select * from {{ ref('int_run_settings') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

threads as (

    select * from {{ ref('int_threads') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

excluded_leads as (

    select states.entity_id as lead_id

    from {{ ref('int_entity_states') }} as states

    inner join {{ ref('stg_reference__lead_outcomes') }} as lead_outcomes
        on states.stage_id = lead_outcomes.status_id

    where states.entity_type = 'lead' and lead_outcomes.outcome = 'excluded'

),

units as (

    select
        'lead_' || leads.lead_id as unit_id,
        leads.lead_id as numeric_id,
        'lead_' || leads.lead_id as thread_id,
        leads.source_id,
        leads.employee_id,
        leads.created_at

    from {{ ref('stg_bitrix24__leads') }} as leads

    inner join settings
        on settings.demand_entity in ('lead', 'both')

    left join excluded_leads
        on leads.lead_id = excluded_leads.lead_id

    where excluded_leads.lead_id is null

    union all

    select
        'deal_' || deals.deal_id as unit_id,
        deals.deal_id as numeric_id,
        coalesce('lead_' || deals.lead_id, 'deal_' || deals.deal_id) as thread_id,
        deals.source_id,
        deals.employee_id,
        deals.created_at

    from {{ ref('stg_bitrix24__deals') }} as deals

    inner join settings
        on settings.demand_entity in ('deal', 'both')

    -- a lead that is no more cannot stand for its deal
    left join {{ ref('stg_bitrix24__leads') }} as known_leads
        on
            deals.lead_id = known_leads.lead_id
            and settings.data_end_at > known_leads.created_at

    where settings.demand_entity = 'deal' or known_leads.lead_id is null

),

-- an earlier call or letter made this lead, the client's or our own: the lead is no request by
-- itself
created_units as (

    select
        units.unit_id,
        units.numeric_id,
        units.thread_id,
        sources.request_channel,
        coalesce(units.employee_id, 'unknown') as employee_id,
        units.created_at

    from units

    inner join settings
        on
            units.created_at < settings.data_end_at
            and settings.has_activities

    inner join sources
        on
            units.source_id = sources.source_id
            and sources.request_channel is not null

    left join threads
        on units.thread_id = threads.thread_id

    where threads.first_contact_at is null or threads.first_contact_at > units.created_at

),

events as (

    select
        'activity_' || activity_id as event_id,
        thread_id,
        happened_at,
        is_touch,
        is_response,
        kind as request_channel,
        responsible_id as employee_id,
        actor_id,
        0 as tie_order,
        cast(activity_id as bigint) as tie_id

    from activities

    where is_touch or is_response

    union all

    select
        unit_id as event_id,
        thread_id,
        created_at as happened_at,
        true as is_touch,
        false as is_response,
        request_channel,
        employee_id,
        cast(null as {{ dbt.type_string() }}) as actor_id,
        1 as tie_order,
        cast(numeric_id as bigint) as tie_id

    from created_units

),

with_response as (

    select
        *,
        min(case when is_response then happened_at end) over (
            partition by thread_id
            order by happened_at
            range between current row and unbounded following
        ) as responded_at

    from events

),

-- touches that wait for the same response are one request; the first of them began it
touches as (

    select
        *,
        row_number() over (
            partition by thread_id, responded_at
            order by happened_at, tie_order, tie_id
        ) as touch_number

    from with_response

    where is_touch

),

responders as (

    select
        thread_id,
        happened_at,
        actor_id,
        row_number() over (partition by thread_id, happened_at order by tie_id) as response_number

    from events

    where is_response

),

final as (

    select
        touches.event_id as request_id,
        touches.thread_id,
        touches.request_channel,
        coalesce(responders.actor_id, touches.employee_id) as employee_id,
        touches.happened_at as requested_at,
        touches.responded_at

    from touches

    left join responders
        on
            touches.thread_id = responders.thread_id
            and touches.responded_at = responders.happened_at
            and responders.response_number = 1

    where touches.touch_number = 1

)

select * from final
