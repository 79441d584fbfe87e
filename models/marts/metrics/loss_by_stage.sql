with

lost_deals as (

    select * from {{ ref('fct_deals') }}
    -- a journal has no stages
    where state = 'lost' and source is distinct from 'journal'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

loss_reasons as (

    select * from {{ ref('dim_loss_reasons') }}

),

by_stage_and_reason as (

    select
        period_days.period_key,
        lost_deals.pipeline_id,
        lost_deals.lost_from_stage as stage_id,
        coalesce(lost_deals.loss_reason_id, 'all') as loss_reason_id,
        count(*) as lost_deals,
        sum(lost_deals.amount) as lost_amount

    from lost_deals

    inner join period_days
        on lost_deals.lost_date = period_days.date_day

    group by grouping sets (
        (
            period_days.period_key,
            lost_deals.pipeline_id,
            lost_deals.lost_from_stage,
            lost_deals.loss_reason_id
        ),
        (
            period_days.period_key,
            lost_deals.pipeline_id,
            lost_deals.lost_from_stage
        )
    )

),

with_totals as (

    select
        *,
        sum(lost_deals) filter (where loss_reason_id = 'all') over (partition by period_key)
            as lost_deals_of_period,
        sum(lost_deals) filter (where loss_reason_id = 'all') over (
            partition by period_key, pipeline_id, stage_id
        ) as lost_deals_of_stage

    from by_stage_and_reason

),

final as (

    select
        with_totals.period_key
        || '|' || with_totals.pipeline_id
        || '|' || with_totals.stage_id
        || '|' || with_totals.loss_reason_id as loss_by_stage_key,
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        with_totals.pipeline_id,
        pipelines.pipeline_name,
        with_totals.stage_id,
        coalesce(stages.stage_name, 'Unknown') as stage_name,
        with_totals.loss_reason_id,
        case
            when with_totals.loss_reason_id = 'all' then 'All'
            else coalesce(loss_reasons.loss_reason_name, 'Unknown')
        end as loss_reason_name,
        with_totals.lost_deals,
        cast(with_totals.lost_amount as numeric(28, 6)) as lost_amount,
        {{ ratio('with_totals.lost_deals', 'with_totals.lost_deals_of_period', 100) }}
            as share_of_losses_pct,
        {{ ratio('with_totals.lost_deals', 'with_totals.lost_deals_of_stage', 100) }}
            as share_of_stage_losses_pct

    from with_totals

    inner join periods
        on with_totals.period_key = periods.period_key

    inner join pipelines
        on with_totals.pipeline_id = pipelines.pipeline_id

    left join stages
        on with_totals.stage_id = stages.stage_id

    left join loss_reasons
        on with_totals.loss_reason_id = loss_reasons.loss_reason_id

)

select * from final
