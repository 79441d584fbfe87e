with

settings as (

    select * from {{ ref('int_run_settings') }}

),

stages as (

    select * from {{ ref('int_stages') }}

),

stage_changes as (

    select * from {{ ref('int_stage_changes') }}

),

rows_today as (

    select
        'deal' as entity_type,
        deal_id as entity_id,
        stage_id,
        semantic,
        created_at,
        moved_at,
        close_at as closed_at,
        modified_at

    from {{ ref('stg_bitrix24__deals') }}

    union all

    select
        'lead' as entity_type,
        lead_id as entity_id,
        status_id as stage_id,
        semantic,
        created_at,
        moved_at,
        closed_at,
        modified_at

    from {{ ref('stg_bitrix24__leads') }}

),

all_changes as (

    select
        'deal' as entity_type,
        deal_id as entity_id,
        changed_at

    from {{ ref('stg_bitrix24__deal_stage_history') }}

    union all

    select
        'lead' as entity_type,
        lead_id as entity_id,
        changed_at

    from {{ ref('stg_bitrix24__lead_status_history') }}

),

newest_changes as (

    select
        entity_type,
        entity_id,
        max(changed_at) as newest_change_at

    from all_changes

    group by entity_type, entity_id

),

-- the last row of the history that came to another semantic began the state that lasts
latest_entries as (

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

latest_stages as (

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

latest_stages_in_progress as (

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

known_rows as (

    select
        rows_today.entity_type,
        rows_today.entity_id,
        rows_today.created_at,
        settings.data_end_at,
        rows_today.moved_at,
        rows_today.closed_at,
        rows_today.modified_at,
        -- a row that moved after as_of shows a later stage than the one that it had then
        coalesce(newest_changes.newest_change_at < settings.data_end_at, true)
        and coalesce(rows_today.moved_at < settings.data_end_at, true) as is_row_current,
        rows_today.stage_id as row_stage_id,
        coalesce(rows_today.semantic, stages.semantic) as row_semantic

    from rows_today

    inner join settings
        on rows_today.created_at < settings.data_end_at

    inner join stages
        on
            rows_today.entity_type = stages.entity_type
            and rows_today.stage_id = stages.stage_id

    left join newest_changes
        on
            rows_today.entity_type = newest_changes.entity_type
            and rows_today.entity_id = newest_changes.entity_id

),

states as (

    select
        known_rows.entity_type,
        known_rows.entity_id,
        case
            when known_rows.is_row_current then known_rows.row_stage_id
            else coalesce(latest_stages.stage_id, 'unknown')
        end as stage_id,
        case
            when known_rows.is_row_current then known_rows.row_semantic
            else coalesce(latest_entries.semantic, 'P')
        end as semantic,
        latest_entries.semantic as history_semantic,
        latest_entries.entered_at as history_entered_at,
        -- without a history: the move, else the date that people enter, else the last change
        coalesce(
            case when known_rows.moved_at < known_rows.data_end_at then known_rows.moved_at end,
            case when known_rows.closed_at < known_rows.data_end_at then known_rows.closed_at end,
            case when known_rows.modified_at < known_rows.data_end_at then known_rows.modified_at end,
            known_rows.created_at
        ) as row_entered_at,
        coalesce(latest_stages_in_progress.stage_id, 'unknown') as last_stage_in_progress_id

    from known_rows

    left join latest_entries
        on
            known_rows.entity_type = latest_entries.entity_type
            and known_rows.entity_id = latest_entries.entity_id
            and latest_entries.newest_first = 1

    left join latest_stages
        on
            known_rows.entity_type = latest_stages.entity_type
            and known_rows.entity_id = latest_stages.entity_id
            and latest_stages.newest_first = 1

    left join latest_stages_in_progress
        on
            known_rows.entity_type = latest_stages_in_progress.entity_type
            and known_rows.entity_id = latest_stages_in_progress.entity_id
            and latest_stages_in_progress.newest_first = 1

),

final as (

    select
        entity_type || '|' || entity_id as entity_key,
        entity_type,
        entity_id,
        stage_id,
        semantic,
        case
            when semantic = 'P' then null
            when history_semantic = semantic then history_entered_at
            else row_entered_at
        end as finished_at,
        last_stage_in_progress_id

    from states

)

select * from final
