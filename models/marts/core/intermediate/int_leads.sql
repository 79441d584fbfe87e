with

leads as (

    select * from {{ ref('stg_bitrix24__leads') }}

),

states as (

    select * from {{ ref('int_entity_states') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

lead_outcomes as (

    select * from {{ ref('stg_reference__lead_outcomes') }}

),

final as (

    select
        leads.lead_id,
        'lead_' || leads.lead_id as thread_id,
        coalesce(sources.channel_id, 'unknown') as channel_id,
        sources.request_channel,
        coalesce(leads.employee_id, 'unknown') as employee_id,
        states.stage_id as status_id,
        coalesce(
            lead_outcomes.outcome,
            case states.semantic
                when 'S' then 'converted'
                when 'F' then 'junk'
                else 'open'
            end
        ) as outcome,
        leads.created_at,
        cast({{ to_local('leads.created_at') }} as date) as created_date

    from leads

    inner join states
        on
            leads.lead_id = states.entity_id
            and states.entity_type = 'lead'

    left join sources
        on leads.source_id = sources.source_id

    left join lead_outcomes
        on states.stage_id = lead_outcomes.status_id

)

select * from final
