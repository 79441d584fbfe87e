with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

raw_deals as (

    select * from {{ ref('stg_bitrix24__deals') }}

),

stage_changes as (

    select * from {{ ref('int_stage_changes') }}
    where entity_type = 'deal'

),

last_changes as (

    select
        entity_id as deal_id,
        max(changed_at) as changed_at

    from stage_changes

    group by entity_id

),

created_deals as (

    select
        deals.deal_id,
        deals.client_id,
        deals.pipeline_id,
        deals.stage_id,
        deals.employee_id,
        deals.state,
        deals.created_at,
        greatest(
            deals.created_at,
            coalesce(
                last_changes.changed_at,
                case when raw_deals.moved_at < finding_window.data_end_at then raw_deals.moved_at end
            )
        ) as last_moved_at,
        {{ dbt.dateadd('day', -var('finding_stuck_days'), 'finding_window.as_of_at') }} as stuck_before_at

    from deals

    inner join finding_window
        on deals.created_at >= finding_window.window_start_at

    inner join raw_deals
        on deals.deal_id = raw_deals.deal_id

    left join last_changes
        on deals.deal_id = last_changes.deal_id

),

open_deals_by_client as (

    select
        client_id,
        pipeline_id,
        count(*) as open_deals

    from created_deals

    where state = 'open' and client_id is not null

    group by client_id, pipeline_id

),

final as (

    select
        created_deals.deal_id,
        created_deals.client_id,
        created_deals.pipeline_id,
        created_deals.stage_id,
        created_deals.employee_id,
        created_deals.state,
        created_deals.created_at,
        created_deals.last_moved_at,
        case
            when created_deals.created_at <= created_deals.stuck_before_at
                then created_deals.state = 'open' and created_deals.last_moved_at <= created_deals.stuck_before_at
        end as is_stuck,
        case
            when created_deals.state = 'open' and created_deals.client_id is not null
                then open_deals_by_client.open_deals > 1
        end as is_duplicate

    from created_deals

    left join open_deals_by_client
        on
            created_deals.client_id = open_deals_by_client.client_id
            and created_deals.pipeline_id = open_deals_by_client.pipeline_id

)

select * from final
