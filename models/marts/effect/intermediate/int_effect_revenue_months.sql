with

conversions as (

    select * from {{ ref('metric_conversion') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

deal_sizes as (

    select * from {{ ref('metric_average_deal_size') }}
    where segment_type = 'all'

),

costs as (

    select * from {{ ref('metric_cac') }}
    where segment_type = 'all'

),

months as (

    select
        conversions.period_start,
        cast(conversions.leads as {{ type_double() }}) as leads,
        cast(conversions.closed_deals as {{ type_double() }}) as closed_deals,
        cast(deal_sizes.revenue as {{ type_double() }}) as revenue,
        case when costs.value_status <> 'source_missing' then cast(costs.crm_cost as {{ type_double() }}) end
            as crm_cost

    from conversions

    inner join deal_sizes
        on
            conversions.period_grain = deal_sizes.period_grain
            and conversions.period_start = deal_sizes.period_start

    inner join costs
        on
            conversions.period_grain = costs.period_grain
            and conversions.period_start = costs.period_start

)

select * from months
