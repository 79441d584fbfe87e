with

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

stages as (

    select * from {{ ref('int_stages') }}
    where entity_type = 'deal'

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

visits_with_stages as (

    select
        visits.pipeline_id,
        visits.stage_id,
        visits.left_at,
        visits.next_semantic,
        stages.sort_order,
        next_stages.sort_order as next_sort_order,
        {{ microseconds_between(
            'visits.entered_at',
            'coalesce(visits.left_at, settings.as_of_at)'
        ) }}
            as microseconds

    from visits

    cross join settings

    left join stages
        on visits.stage_id = stages.stage_id

    left join stages as next_stages
        on visits.next_stage_id = next_stages.stage_id

    where visits.semantic = 'P'

),

by_stage as (

    select
        pipeline_id,
        stage_id,
        count(*) as visits,
        count(*) filter (where left_at is null) as open_visits,
        cast(sum(microseconds) filter (where left_at is not null) as {{ type_double() }})
            as finished_microseconds,
        percentile_cont(0.5) within group (order by microseconds) filter (where left_at is not null)
            as median_microseconds,
        percentile_cont(0.9) within group (order by microseconds) filter (where left_at is not null)
            as p90_microseconds,
        count(*) filter (
            where next_semantic = 'P' and coalesce(next_sort_order >= sort_order, true)
        ) as exits_forward,
        count(*) filter (where next_semantic = 'P' and next_sort_order < sort_order) as exits_back,
        count(*) filter (where next_semantic = 'F') as exits_lost,
        count(*) filter (where next_semantic = 'S') as exits_won

    from visits_with_stages

    group by pipeline_id, stage_id

),

stuck_by_stage as (

    select
        by_stage.pipeline_id,
        by_stage.stage_id,
        count(*) as stuck_visits

    from by_stage

    inner join visits_with_stages
        on
            by_stage.pipeline_id = visits_with_stages.pipeline_id
            and by_stage.stage_id = visits_with_stages.stage_id

    where
        visits_with_stages.left_at is null
        and visits_with_stages.microseconds > by_stage.p90_microseconds

    group by by_stage.pipeline_id, by_stage.stage_id

),

final as (

    select
        by_stage.pipeline_id || '|' || by_stage.stage_id as stage_key,
        by_stage.pipeline_id,
        coalesce(pipelines.pipeline_name, by_stage.pipeline_id) as pipeline_name,
        by_stage.stage_id,
        coalesce(stages.stage_name, by_stage.stage_id) as stage_name,
        cast(stages.sort_order as bigint) as stage_sort,
        by_stage.visits,
        by_stage.open_visits,
        {{ ratio('by_stage.finished_microseconds', '(by_stage.visits - by_stage.open_visits)') }}
        / 86400000000
            as avg_days,
        by_stage.median_microseconds / 86400000000 as median_days,
        by_stage.p90_microseconds / 86400000000 as p90_days,
        by_stage.exits_forward,
        by_stage.exits_back,
        by_stage.exits_lost,
        by_stage.exits_won,
        coalesce(stuck_by_stage.stuck_visits, 0) as stuck_visits,
        {{ ratio('coalesce(stuck_by_stage.stuck_visits, 0)', 'by_stage.open_visits', 100) }}
            as stuck_pct

    from by_stage

    left join stages
        on by_stage.stage_id = stages.stage_id

    left join pipelines
        on by_stage.pipeline_id = pipelines.pipeline_id

    left join stuck_by_stage
        on
            by_stage.pipeline_id = stuck_by_stage.pipeline_id
            and by_stage.stage_id = stuck_by_stage.stage_id

)

select * from final
