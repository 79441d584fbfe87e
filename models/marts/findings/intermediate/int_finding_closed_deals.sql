{%- set instant_microseconds = var('finding_instant_win_minutes') * 60 * 1000000 -%}
{%- set backdated_microseconds = var('finding_backdated_days') * 86400 * 1000000 -%}

with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}
    where state <> 'open'

),

raw_deals as (

    select * from {{ ref('stg_bitrix24__deals') }}

),

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

stages as (

    select * from {{ ref('int_stages') }}

),

activities as (

    select * from {{ ref('int_finding_activities') }}
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

    where entity_type = 'deal' and semantic = 'P'

    group by pipeline_id

),

visits_by_deal as (

    select
        deal_id,
        min(entered_at) as first_entered_at,
        count(distinct case when semantic = 'P' then stage_id end) as stages_in_progress

    from visits

    group by deal_id

),

closed_deals as (

    select
        deals.*,
        coalesce(deals.won_at, deals.lost_at) as closed_at,
        raw_deals.close_at,
        least(raw_deals.close_at, deals.won_at, deals.lost_at) as first_closed_at,
        raw_deals.contact_id

    from deals

    inner join finding_window
        on coalesce(deals.won_at, deals.lost_at) >= finding_window.window_start_at

    inner join raw_deals
        on deals.deal_id = raw_deals.deal_id

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

final as (

    select
        closed_deals.deal_id,
        closed_deals.pipeline_id,
        closed_deals.client_id,
        closed_deals.employee_id,
        closed_deals.state,
        closed_deals.stage_id,
        closed_deals.created_at,
        closed_deals.closed_at,
        closed_deals.close_at,
        closed_deals.amount,
        case
            when closed_deals.state = 'won'
                then
                    {{ microseconds_between('closed_deals.created_at', 'closed_deals.won_at') }}
                    between 0 and {{ instant_microseconds }}
        end as is_won_at_once,
        {{ microseconds_between('closed_deals.first_closed_at', 'closed_deals.created_at') }}
        > {{ backdated_microseconds }} as is_backdated,
        case when finding_window.has_activities then worked_deals.deal_id is null end as is_without_activity,
        -- a history that began late cannot tell what was skipped
        case
            when
                closed_deals.state = 'won'
                and stages_by_pipeline.stages_in_progress >= 3
                and visits_by_deal.first_entered_at
                <= {{ dbt.dateadd('hour', 1, 'closed_deals.created_at') }}
                then visits_by_deal.stages_in_progress <= 1
        end as is_without_stages,
        case when closed_deals.state = 'won' then closed_deals.client_id is null end as is_without_client,
        case when closed_deals.state = 'won' then closed_deals.original_amount <= 0 end as is_without_amount,
        case
            when closed_deals.state = 'lost' and loss_reason_count.loss_reasons > 0
                then closed_deals.loss_reason_id in ('unknown', 'other')
        end as is_without_loss_reason

    from closed_deals

    cross join finding_window
    cross join loss_reason_count

    left join worked_deals
        on closed_deals.deal_id = worked_deals.deal_id

    left join visits_by_deal
        on closed_deals.deal_id = visits_by_deal.deal_id

    left join stages_by_pipeline
        on closed_deals.pipeline_id = stages_by_pipeline.pipeline_id

)

select * from final
