with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

stages as (

    select * from {{ ref('int_stages') }}
    where entity_type = 'deal' and semantic = 'P'

),

pipelines as (

    select * from {{ ref('int_finding_pipelines') }}
    where not is_unused

),

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

visit_count as (

    select count(*) as visits from visits

),

last_visits as (

    select
        visits.stage_id,
        max(least(coalesce(visits.left_at, finding_window.as_of_at), finding_window.as_of_at)) as last_used_at

    from visits

    cross join finding_window

    group by visits.stage_id

),

final as (

    select
        stages.stage_key,
        stages.pipeline_id,
        pipelines.pipeline_name,
        stages.stage_id,
        stages.stage_name,
        last_visits.last_used_at,
        case
            when visit_count.visits > 0
                then coalesce(last_visits.last_used_at < finding_window.window_start_at, true)
        end as is_unused

    from stages

    inner join pipelines
        on stages.pipeline_id = pipelines.pipeline_id

    cross join finding_window
    cross join visit_count

    left join last_visits
        on stages.stage_id = last_visits.stage_id

)

select * from final
