with

stage_changes as (

    select * from {{ ref('int_stage_changes') }}

),

-- a row of the history that came from another semantic began a state; the last such row began the one
-- that lasts
state_entries as (

    select
        entity_type,
        entity_id,
        semantic,
        changed_at as entered_at,
        row_number() over (
            partition by entity_type, entity_id
            order by change_number desc
        ) as newest_first

    from stage_changes

    where previous_semantic is null or previous_semantic <> semantic

),

last_stages as (

    select
        entity_type,
        entity_id,
        stage_id,
        row_number() over (
            partition by entity_type, entity_id
            order by change_number desc
        ) as newest_first

    from stage_changes

),

last_stages_in_progress as (

    select
        entity_type,
        entity_id,
        stage_id,
        row_number() over (
            partition by entity_type, entity_id
            order by change_number desc
        ) as newest_first

    from stage_changes

    where semantic = 'P'

),

states as (

    select
        state_entries.entity_type || '|' || state_entries.entity_id as entity_key,
        state_entries.entity_type,
        state_entries.entity_id,
        last_stages.stage_id,
        state_entries.semantic,
        state_entries.entered_at,
        last_stages_in_progress.stage_id as last_stage_in_progress_id

    from state_entries

    inner join last_stages
        on
            state_entries.entity_type = last_stages.entity_type
            and state_entries.entity_id = last_stages.entity_id
            and last_stages.newest_first = 1

    left join last_stages_in_progress
        on
            state_entries.entity_type = last_stages_in_progress.entity_type
            and state_entries.entity_id = last_stages_in_progress.entity_id
            and last_stages_in_progress.newest_first = 1

    where state_entries.newest_first = 1

)

select * from states
