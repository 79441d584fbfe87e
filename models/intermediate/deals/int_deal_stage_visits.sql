with

stage_changes as (

    select * from {{ ref('int_stage_changes') }}

),

-- a row that repeats the stage before it is no new visit
visits as (

    select
        change_id as stage_visit_id,
        entity_id as deal_id,
        pipeline_id,
        stage_id,
        semantic,
        changed_at as entered_at,
        lead(changed_at) over (partition by entity_id order by change_number) as left_at,
        lead(stage_id) over (partition by entity_id order by change_number) as next_stage_id,
        lead(semantic) over (partition by entity_id order by change_number) as next_semantic

    from stage_changes

    where
        entity_type = 'deal'
        and (previous_stage_id is null or previous_stage_id <> stage_id)

)

select * from visits
