with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

stages as (

    select * from {{ ref('int_stages') }}
    where entity_type = 'lead'

),

stage_changes as (

    select * from {{ ref('int_stage_changes') }}
    where entity_type = 'lead'

),

threads as (

    select * from {{ ref('int_threads') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}
    where owner_type_id = '1' and is_by_person and not is_incoming

),

status_counts as (

    select
        entity_id as lead_id,
        count(distinct stage_id) as statuses

    from stage_changes

    group by entity_id

),

worked_leads as (

    select distinct owner_id as lead_id

    from activities

),

final as (

    select
        'lead' as entity_type,
        leads.lead_id as entity_id,
        leads.employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        leads.created_at as happened_at,
        cast(null as numeric(28, 6)) as amount,
        leads.status_id as note,
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
                            leads.moved_at <= {{ dbt.dateadd('minute', 1, 'leads.created_at') }},
                            true
                        )
                    )
                    and worked_leads.lead_id is null
                    and not coalesce(threads.may_have_response, false)
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
