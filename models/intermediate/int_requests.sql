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
        act_id as event_id,
        thread_id,
        happened_at,
        is_touch,
        is_response or is_response_unknown as is_end,
        is_response_untimed,
        is_response_unknown,
        kind as request_channel,
        chat_connector,
        responsible_id as employee_id,
        actor_id,
        case when message_id is null then 0 else 1 end as tie_order,
        cast(coalesce(message_id, activity_id) as bigint) as tie_id

    from activities

    where is_touch or is_response or is_response_unknown

    union all

    select
        unit_id as event_id,
        thread_id,
        created_at as happened_at,
        true as is_touch,
        false as is_end,
        false as is_response_untimed,
        false as is_response_unknown,
        request_channel,
        cast(null as {{ dbt.type_string() }}) as chat_connector,
        employee_id,
        cast(null as {{ dbt.type_string() }}) as actor_id,
        2 as tie_order,
        cast(numeric_id as bigint) as tie_id

    from created_units

),

-- a request ends with the first response, or with what may have been one
with_end as (

    select
        *,
        min(case when is_end then happened_at end) over (
            partition by thread_id
            order by happened_at
            range between current row and unbounded following
        ) as ended_at

    from events

),

-- touches that wait for the same response are one request; the first of them began it
touches as (

    select
        *,
        row_number() over (
            partition by thread_id, ended_at
            order by happened_at, tie_order, tie_id
        ) as touch_number

    from with_end

    where is_touch

),

ends as (

    select
        thread_id,
        happened_at,
        actor_id,
        is_response_untimed,
        is_response_unknown,
        row_number() over (
            partition by thread_id, happened_at
            order by tie_order, tie_id
        ) as end_number

    from events

    where is_end

),

final as (

    select
        touches.event_id as request_id,
        touches.thread_id,
        touches.request_channel,
        touches.chat_connector,
        case
            when ends.is_response_unknown then touches.employee_id
            else coalesce(ends.actor_id, touches.employee_id)
        end as employee_id,
        touches.happened_at as requested_at,
        case
            when not ends.is_response_untimed and not ends.is_response_unknown
                then ends.happened_at
        end as responded_at,
        case
            when ends.thread_id is null then 'unanswered'
            when ends.is_response_unknown then 'unknown'
            else 'answered'
        end as answer_status

    from touches

    left join ends
        on
            touches.thread_id = ends.thread_id
            and touches.ended_at = ends.happened_at
            and ends.end_number = 1

    where touches.touch_number = 1

)

select * from final
