with

settings as (

    select * from {{ ref('int_run_settings') }}

),

stages as (

    select * from {{ ref('int_stages') }}

),

changes as (

    select
        'deal' as entity_type,
        deal_id as entity_id,
        change_id,
        stage_id,
        pipeline_id,
        semantic,
        changed_at

    from {{ ref('stg_bitrix24__deal_stage_history') }}

    union all

    select
        'lead' as entity_type,
        lead_id as entity_id,
        change_id,
        status_id as stage_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        semantic,
        changed_at

    from {{ ref('stg_bitrix24__lead_status_history') }}

),

known_changes as (

    select
        changes.entity_type,
        changes.entity_id,
        changes.change_id,
        changes.stage_id,
        coalesce(changes.pipeline_id, stages.pipeline_id) as pipeline_id,
        coalesce(changes.semantic, stages.semantic) as semantic,
        changes.changed_at

    from changes

    inner join settings
        on changes.changed_at < settings.data_end_at

    inner join stages
        on
            changes.entity_type = stages.entity_type
            and changes.stage_id = stages.stage_id

),

in_order as (

    select
        entity_type || '|' || change_id as stage_change_key,
        entity_type,
        entity_id,
        change_id,
        stage_id,
        pipeline_id,
        semantic,
        changed_at,
        row_number() over (
            partition by entity_type, entity_id
            order by changed_at, cast(change_id as bigint)
        ) as change_number,
        lag(stage_id) over (
            partition by entity_type, entity_id
            order by changed_at, cast(change_id as bigint)
        ) as previous_stage_id,
        lag(semantic) over (
            partition by entity_type, entity_id
            order by changed_at, cast(change_id as bigint)
        ) as previous_semantic,
        lead(change_id) over (
            partition by entity_type, entity_id
            order by changed_at, cast(change_id as bigint)
        ) is null as is_last,
        semantic = 'P'
        and count(case when semantic = 'P' then 1 end) over (
            partition by entity_type, entity_id
            order by changed_at, cast(change_id as bigint)
            rows between 1 following and unbounded following
        ) = 0 as is_last_in_progress

    from known_changes

)

select * from in_order
