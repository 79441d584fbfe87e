{%- set segment_types
    = ['channel', 'pipeline', 'employee', 'client_history', 'client_type']
    + custom_segment_types('average_deal_size') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'average_deal_size'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

won_deals as (

    select * from {{ ref('int_deals_with_segments') }}
    where state = 'won'

),

deals_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as closed_deals,
        sum(won_deals.amount) as revenue,
        percentile_cont(0.5) within group (order by cast(won_deals.amount as {{ type_double() }}))
            as median_deal_size,
        count(*) filter (where won_deals.amount = 0) as zero_amount_deals,
        max(won_deals.amount) as largest_deal_amount

    from won_deals

    inner join period_days
        on won_deals.won_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

-- at the beginning of the data everybody is new
cells as (

    select
        registry.*,
        registry.segment_type = 'client_history'
        and {{ is_history_too_short('registry') }} as is_history_too_short

    from registry

    cross join history_start

),

final as (

    select
        {{ cell_columns('cells') }},
        {{ value_status(
            'cells.is_complete',
            ratio('deals_by_segment.revenue', 'deals_by_segment.closed_deals'),
            is_history_too_short='cells.is_history_too_short'
        ) }} as value_status,
        coalesce(deals_by_segment.closed_deals, 0) as closed_deals,
        cast(coalesce(deals_by_segment.revenue, 0) as numeric(28, 6)) as revenue,
        case
            when
                not cells.is_history_too_short
                then {{ ratio('deals_by_segment.revenue', 'deals_by_segment.closed_deals') }}
        end
            as average_deal_size,
        deals_by_segment.median_deal_size,
        coalesce(deals_by_segment.zero_amount_deals, 0) as zero_amount_deals,
        cast(deals_by_segment.largest_deal_amount as numeric(28, 6)) as largest_deal_amount,
        {{ ratio('deals_by_segment.largest_deal_amount', 'deals_by_segment.revenue', 100) }}
            as largest_deal_share_pct

    from cells

    left join deals_by_segment
        on cells.cell_key = deals_by_segment.cell_key

)

select * from final
