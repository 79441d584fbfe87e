with

pipelines as (

    select * from {{ ref('stg_bitrix24__pipelines') }}

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}
    where
        created_at
        < (select run_settings.data_end_at from {{ ref('int_run_settings') }} as run_settings)

),

stages as (

    select * from {{ ref('int_stages') }}
    where entity_type = 'deal'

),

-- a row that names no pipeline is in that of its stage
current_members as (

    select pipeline_id from pipelines

    union

    select coalesce(deals.pipeline_id, stages.pipeline_id) as pipeline_id
    from deals
    inner join stages
        on deals.stage_id = stages.stage_id

    union

    -- what a company wrote down before it had pipelines, so that those add up to the whole
    select 'journal' as pipeline_id
    from {{ ref('int_journal_deals') }}

),

members as (

    select pipeline_id from current_members

    union

    select pipeline_id from {{ ref('int_stage_changes') }}
    where entity_type = 'deal'

),

final as (

    select
        members.pipeline_id,
        coalesce(pipelines.pipeline_name, members.pipeline_id) as pipeline_name,
        cast(pipelines.sort_order as bigint) as pipeline_sort,
        coalesce(pipelines.is_default, members.pipeline_id = '0') as is_default,
        current_members.pipeline_id is not null as is_current

    from members

    left join pipelines
        on members.pipeline_id = pipelines.pipeline_id

    left join current_members
        on members.pipeline_id = current_members.pipeline_id

)

select * from final
