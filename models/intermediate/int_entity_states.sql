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

-- a row that came from another semantic began a state; the last such row began the one that lasts
history_states as (

    select
        entity_type,
        entity_id,
        max(case when is_last then stage_id end) as stage_id,
        max(case when is_last then semantic end) as semantic,
        max(changed_at) filter (where previous_semantic is null or previous_semantic <> semantic)
            as entered_at,
        max(case when is_last_in_progress then stage_id end) as last_stage_in_progress_id

    from stage_changes

    group by entity_type, entity_id

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

known_rows as (

    select
        rows_today.entity_type,
        rows_today.entity_id,
        rows_today.stage_id,
        coalesce(rows_today.semantic, stages.semantic) as semantic,
        -- a row that moved after as_of shows a later stage than the one that it had then
        coalesce(newest_changes.newest_change_at < settings.data_end_at, true)
        and coalesce(rows_today.moved_at < settings.data_end_at, true) as is_current,
        -- without a history: the move, else the date that people enter, else the last change
        coalesce(
            case when rows_today.moved_at < settings.data_end_at then rows_today.moved_at end,
            case when rows_today.closed_at < settings.data_end_at then rows_today.closed_at end,
            case when rows_today.modified_at < settings.data_end_at then rows_today.modified_at end,
            rows_today.created_at
        ) as entered_at

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
            when known_rows.is_current then known_rows.stage_id
            else coalesce(history_states.stage_id, 'unknown')
        end as stage_id,
        case
            when known_rows.is_current then known_rows.semantic
            else coalesce(history_states.semantic, 'P')
        end as semantic,
        history_states.semantic as history_semantic,
        history_states.entered_at as history_entered_at,
        known_rows.entered_at as row_entered_at,
        coalesce(history_states.last_stage_in_progress_id, 'unknown') as last_stage_in_progress_id

    from known_rows

    left join history_states
        on
            known_rows.entity_type = history_states.entity_type
            and known_rows.entity_id = history_states.entity_id

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
