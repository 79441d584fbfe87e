with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

raw_leads as (

    select * from {{ ref('stg_bitrix24__leads') }}

),

stages as (

    select * from {{ ref('int_stages') }}
    where entity_type = 'lead'

),

threads as (

    select * from {{ ref('int_threads') }}

),

status_counts as (

    select
        entity_id as lead_id,
        count(distinct stage_id) as statuses

    from {{ ref('int_stage_changes') }}

    where entity_type = 'lead'

    group by entity_id

),

worked_leads as (

    select distinct owner_id as lead_id

    from {{ ref('int_finding_activities') }}

    where owner_type_id = '1' and is_by_person and not is_incoming

),

final as (

    select
        leads.lead_id,
        leads.channel_id,
        leads.employee_id,
        leads.status_id,
        leads.outcome,
        leads.created_at,
        case
            when
                leads.outcome <> 'excluded'
                and leads.created_at
                <= {{ dbt.dateadd('day', -var('finding_unmoved_days'), 'finding_window.as_of_at') }}
                then
                    leads.outcome = 'open'
                    and coalesce(status_counts.statuses, 1) = 1
                    -- without a history the time of the last move is all that is known
                    and (
                        status_counts.lead_id is not null
                        or coalesce(
                            raw_leads.moved_at <= {{ dbt.dateadd('minute', 1, 'leads.created_at') }}, true
                        )
                    )
                    and worked_leads.lead_id is null
                    and not coalesce(threads.has_response, false)
        end as is_unmoved,
        leads.outcome = 'excluded'
        and (
            leads.status_id like '%DUPL%'
            or lower(stages.stage_name) like '%duplicate%'
            -- not every database lowers Cyrillic letters
            or stages.stage_name like '%дубл%'
            or stages.stage_name like '%Дубл%'
        ) as is_duplicate

    from leads

    inner join finding_window
        on leads.created_at >= finding_window.window_start_at

    inner join raw_leads
        on leads.lead_id = raw_leads.lead_id

    left join stages
        on leads.status_id = stages.stage_id

    left join status_counts
        on leads.lead_id = status_counts.lead_id

    left join worked_leads
        on leads.lead_id = worked_leads.lead_id

    left join threads
        on leads.thread_id = threads.thread_id

)

select * from final
