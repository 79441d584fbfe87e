{%- set instant_microseconds = var('finding_instant_win_minutes') * 60 * 1000000 -%}
{%- set backdated_microseconds = var('finding_backdated_days') * 86400 * 1000000 -%}

with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

stage_visits as (

    select * from {{ ref('fct_stage_visits') }}

),

stage_changes as (

    select * from {{ ref('int_stage_changes') }}
    where entity_type = 'deal'

),

stages as (

    select * from {{ ref('dim_stages') }}
    where semantic = 'P'

),

activities as (

    select * from {{ ref('int_thread_activities') }}
    where is_by_person or is_incoming

),

loss_reason_count as (

    select count(*) as loss_reasons from {{ ref('stg_reference__loss_reasons') }}
    where entity_type = 'deal'

),

stages_by_pipeline as (

    select
        pipeline_id,
        count(*) as stages_in_progress

    from stages

    group by pipeline_id

),

visits_by_deal as (

    select
        deal_id,
        min(entered_at) as first_entered_at,
        count(distinct case when semantic = 'P' then stage_id end) as stages_in_progress

    from stage_visits

    group by deal_id

),

last_changes as (

    select
        entity_id as deal_id,
        max(changed_at) as changed_at

    from stage_changes

    group by entity_id

),

judged_deals as (

    select
        deals.*,
        coalesce(deals.won_at, deals.lost_at) as closed_at,
        case
            when coalesce(deals.won_at, deals.lost_at) >= finding_window.window_start_at
                then deals.state
        end as closed_as,
        greatest(
            deals.created_at,
            coalesce(
                last_changes.changed_at,
                case when deals.moved_at < finding_window.data_end_at then deals.moved_at end
            )
        ) as last_moved_at,
        {{ dbt.dateadd('day', -var('finding_stuck_days'), 'finding_window.as_of_at') }}
            as stuck_before_at,
        finding_window.window_start_at,
        finding_window.has_activities

    from deals

    inner join finding_window
        on
            deals.created_at >= finding_window.window_start_at
            or coalesce(deals.won_at, deals.lost_at) >= finding_window.window_start_at

    left join last_changes
        on deals.deal_id = last_changes.deal_id

),

closed_deals as (

    select * from judged_deals
    where closed_as is not null

),

-- an act on the client's own card is work on the deal if it came after the deal was created
worked_deals as (

    {% for owner_type_id, owner_id, is_since_creation in [
        ('1', 'closed_deals.lead_id', false),
        ('2', 'closed_deals.deal_id', false),
        ('3', 'closed_deals.contact_id', true),
        ('4', "replace(closed_deals.client_id, 'company_', '')", true),
    ] %}
    select closed_deals.deal_id

    from closed_deals

    inner join activities
        on
            {{ owner_id }} = activities.owner_id
            and activities.owner_type_id = '{{ owner_type_id }}'
            {{ 'and closed_deals.created_at <= activities.created_at' if is_since_creation }}

    {% if not loop.last %}union{% endif %}
    {% endfor %}

),

open_deals_by_client as (

    select
        client_id,
        pipeline_id,
        count(*) as open_deals

    from judged_deals

    where state = 'open' and client_id is not null

    group by client_id, pipeline_id

),

final as (

    select
        'deal' as entity_type,
        judged_deals.deal_id as entity_id,
        judged_deals.employee_id,
        judged_deals.pipeline_id,
        coalesce(judged_deals.closed_at, judged_deals.last_moved_at) as happened_at,
        judged_deals.amount,
        judged_deals.stage_id || coalesce(', ' || judged_deals.client_id, '') as note,
        case
            when judged_deals.closed_as = 'won'
                then
                    {{ microseconds_between('judged_deals.created_at', 'judged_deals.won_at') }}
                    between 0 and {{ instant_microseconds }}
        end as is_won_at_once,
        case
            when judged_deals.closed_as is not null
                then
                    {{ microseconds_between(
                        'least(judged_deals.close_at, judged_deals.won_at, judged_deals.lost_at)',
                        'judged_deals.created_at'
                    ) }} > {{ backdated_microseconds }}
        end as is_backdated,
        case
            when judged_deals.closed_as is not null and judged_deals.has_activities
                then worked_deals.deal_id is null
        end as is_without_activity,
        -- a history that began late cannot tell what was skipped
        case
            when
                judged_deals.closed_as = 'won'
                and stages_by_pipeline.stages_in_progress >= 3
                and visits_by_deal.first_entered_at
                <= {{ dbt.dateadd('hour', 1, 'judged_deals.created_at') }}
                then visits_by_deal.stages_in_progress <= 1
        end as is_without_stages,
        case when judged_deals.closed_as = 'won' then judged_deals.client_id is null end
            as is_without_client,
        case when judged_deals.closed_as = 'won' then judged_deals.original_amount <= 0 end
            as is_without_amount,
        case
            when judged_deals.closed_as = 'lost' and loss_reason_count.loss_reasons > 0
                then judged_deals.loss_reason_id in ('unknown', 'other')
        end as is_without_loss_reason,
        case
            when
                judged_deals.created_at >= judged_deals.window_start_at
                and judged_deals.created_at <= judged_deals.stuck_before_at
                then
                    judged_deals.state = 'open'
                    and judged_deals.last_moved_at <= judged_deals.stuck_before_at
        end as is_stuck,
        case
            when judged_deals.state = 'open' and judged_deals.client_id is not null
                then open_deals_by_client.open_deals > 1
        end as is_duplicate

    from judged_deals

    cross join loss_reason_count

    left join worked_deals
        on judged_deals.deal_id = worked_deals.deal_id

    left join visits_by_deal
        on judged_deals.deal_id = visits_by_deal.deal_id

    left join stages_by_pipeline
        on judged_deals.pipeline_id = stages_by_pipeline.pipeline_id

    left join open_deals_by_client
        on
            judged_deals.client_id = open_deals_by_client.client_id
            and judged_deals.pipeline_id = open_deals_by_client.pipeline_id

)

select * from final
