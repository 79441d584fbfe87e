with

stage_changes as (

    select * from {{ ref('int_stage_changes') }}
    where entity_type = 'deal'

),

deals as (

    select * from {{ ref('fct_deals') }}

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

    where previous_stage_id is null or previous_stage_id <> stage_id

),

-- a history that ends before the deal was closed ends when it was closed
with_ends as (

    select
        visits.stage_visit_id,
        visits.deal_id,
        visits.pipeline_id,
        visits.stage_id,
        visits.semantic,
        visits.entered_at,
        coalesce(
            visits.left_at,
            case
                when visits.semantic = 'P' and deals.state <> 'open'
                    then greatest(coalesce(deals.won_at, deals.lost_at), visits.entered_at)
            end
        ) as left_at,
        coalesce(
            visits.next_stage_id,
            case when visits.semantic = 'P' and deals.state <> 'open' then deals.stage_id end
        ) as next_stage_id,
        coalesce(
            visits.next_semantic,
            case
                when visits.semantic = 'P' and deals.state = 'won' then 'S'
                when visits.semantic = 'P' and deals.state = 'lost' then 'F'
            end
        ) as next_semantic

    from visits

    inner join deals
        on visits.deal_id = deals.deal_id

),

final as (

    select
        stage_visit_id,
        deal_id,
        pipeline_id,
        stage_id,
        semantic,
        entered_at,
        cast({{ to_local('entered_at') }} as date) as entered_date,
        {{ local_hour('entered_at') }} as entered_hour,
        left_at,
        cast({{ to_local('left_at') }} as date) as left_date,
        {{ local_hour('left_at') }} as left_hour,
        next_stage_id,
        next_semantic

    from with_ends

)

select * from final
