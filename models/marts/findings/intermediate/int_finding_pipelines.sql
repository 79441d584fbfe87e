with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

uses as (

    select
        pipeline_id,
        created_at as used_at

    from {{ ref('fct_deals') }}

    union all

    select
        pipeline_id,
        changed_at as used_at

    from {{ ref('int_stage_changes') }}

    where entity_type = 'deal'

),

last_uses as (

    select
        pipeline_id,
        max(used_at) as last_used_at

    from uses

    group by pipeline_id

),

final as (

    select
        pipelines.pipeline_id,
        pipelines.pipeline_name,
        last_uses.last_used_at,
        coalesce(last_uses.last_used_at < finding_window.window_start_at, true) as is_unused

    from pipelines

    cross join finding_window

    left join last_uses
        on pipelines.pipeline_id = last_uses.pipeline_id

    where finding_window.window_start_at is not null

)

select * from final
