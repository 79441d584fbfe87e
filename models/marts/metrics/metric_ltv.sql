{#- a year of 365.25 days -#}
{%- set microseconds_per_year = 31557600000000 -%}
{%- set segment_types = ['channel', 'client_type'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'ltv'

),

periods as (

    select * from {{ ref('int_periods') }}

),

clients as (

    select * from {{ ref('int_clients') }}

),

purchases as (

    select * from {{ ref('int_purchases') }}

),

active_spans as (

    select * from {{ ref('int_client_active_spans') }}

),

-- a purchase belongs to the channel of its client's first one
client_purchases as (

    select
        purchases.purchased_at,
        purchases.amount,
        clients.channel_id,
        clients.client_type

    from purchases

    inner join clients
        on purchases.client_id = clients.client_id

),

client_spans as (

    select
        active_spans.span_start_at,
        active_spans.span_end_at,
        active_spans.ends_in_churn,
        clients.channel_id,
        clients.client_type

    from active_spans

    inner join clients
        on active_spans.client_id = clients.client_id

),

purchases_by_segment as (

    select
        periods.period_grain,
        periods.period_start,
        {{ segment_columns(segment_types) }},
        count(*) filter (where client_purchases.purchased_at >= periods.trailing_start_at) as purchases,
        sum(client_purchases.amount) filter (where client_purchases.purchased_at >= periods.trailing_start_at)
            as revenue,
        sum(client_purchases.amount) as historic_revenue

    from periods

    inner join client_purchases
        on periods.cutoff_at > client_purchases.purchased_at

    group by {{ segment_sets('periods.period_grain, periods.period_start', segment_types) }}

),

-- time that has not passed yet is nobody's: spans are cut at the end of the period
spans_by_segment as (

    select
        periods.period_grain,
        periods.period_start,
        {{ segment_columns(segment_types) }},
        cast(
            sum(
                {{ microseconds_between(
                    'client_spans.span_start_at',
                    'least(client_spans.span_end_at, periods.cutoff_at)'
                ) }}
            ) as {{ type_double() }}
        ) / {{ microseconds_per_year }} as total_lifespan_years,
        cast(
            sum(
                greatest(
                    {{ microseconds_between(
                        'greatest(client_spans.span_start_at, periods.trailing_start_at)',
                        'least(client_spans.span_end_at, periods.cutoff_at)'
                    ) }},
                    0
                )
            ) as {{ type_double() }}
        ) / {{ microseconds_per_year }} as active_client_years,
        count(*) filter (
            where
            client_spans.ends_in_churn
            and client_spans.span_end_at >= periods.trailing_start_at
            and client_spans.span_end_at < periods.cutoff_at
        ) as churn_events

    from periods

    inner join client_spans
        on periods.cutoff_at > client_spans.span_start_at

    group by {{ segment_sets('periods.period_grain, periods.period_start', segment_types) }}

),

clients_by_segment as (

    select
        periods.period_grain,
        periods.period_start,
        {{ segment_columns(segment_types) }},
        count(*) as clients,
        count(*) filter (where clients.second_purchase_at < periods.cutoff_at) as repeat_clients

    from periods

    inner join clients
        on periods.cutoff_at > clients.first_purchase_at

    group by {{ segment_sets('periods.period_grain, periods.period_start', segment_types) }}

),

parts as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.period_end,
        registry.is_complete,
        registry.segment_type,
        registry.segment_id,
        registry.segment_name,
        coalesce(purchases_by_segment.revenue, 0) as revenue,
        coalesce(purchases_by_segment.purchases, 0) as purchases,
        coalesce(spans_by_segment.active_client_years, 0) as active_client_years,
        {{ ratio('purchases_by_segment.revenue', 'purchases_by_segment.purchases') }} as average_order_value,
        {{ ratio('purchases_by_segment.purchases', 'spans_by_segment.active_client_years') }}
            as purchases_per_client_year,
        coalesce(clients_by_segment.clients, 0) as clients,
        coalesce(spans_by_segment.total_lifespan_years, 0) as total_lifespan_years,
        {{ ratio('spans_by_segment.total_lifespan_years', 'clients_by_segment.clients') }} as avg_lifespan_years,
        cast({{ var('gross_margin_rate') }} as {{ type_double() }}) as gross_margin_rate,
        coalesce(spans_by_segment.churn_events, 0) as churn_events,
        {{ ratio('spans_by_segment.active_client_years', 'spans_by_segment.churn_events') }}
            as expected_lifespan_years,
        coalesce(clients_by_segment.repeat_clients, 0) as repeat_clients,
        coalesce(purchases_by_segment.historic_revenue, 0) as historic_revenue

    from registry

    left join purchases_by_segment
        on
            registry.period_grain = purchases_by_segment.period_grain
            and registry.period_start = purchases_by_segment.period_start
            and registry.segment_type = purchases_by_segment.segment_type
            and registry.segment_id = purchases_by_segment.segment_id

    left join spans_by_segment
        on
            registry.period_grain = spans_by_segment.period_grain
            and registry.period_start = spans_by_segment.period_start
            and registry.segment_type = spans_by_segment.segment_type
            and registry.segment_id = spans_by_segment.segment_id

    left join clients_by_segment
        on
            registry.period_grain = clients_by_segment.period_grain
            and registry.period_start = clients_by_segment.period_start
            and registry.segment_type = clients_by_segment.segment_type
            and registry.segment_id = clients_by_segment.segment_id

),

with_ltv as (

    select
        *,
        average_order_value * purchases_per_client_year * avg_lifespan_years * gross_margin_rate as ltv,
        average_order_value * purchases_per_client_year * expected_lifespan_years * gross_margin_rate as ltv_expected

    from parts

),

final as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.period_end,
        registry.is_complete,
        registry.segment_type,
        registry.segment_id,
        registry.segment_name,
        {{ value_status('registry.ltv') }} as value_status,
        cast(registry.revenue as numeric(28, 6)) as revenue,
        registry.purchases,
        registry.active_client_years,
        registry.average_order_value,
        registry.purchases_per_client_year,
        registry.clients,
        registry.total_lifespan_years,
        registry.avg_lifespan_years,
        registry.gross_margin_rate,
        registry.ltv,
        registry.churn_events,
        registry.expected_lifespan_years,
        registry.ltv_expected,
        registry.repeat_clients,
        {{ ratio('registry.repeat_clients', 'registry.clients', 100) }} as repeat_purchase_rate_pct,
        cast(registry.historic_revenue as numeric(28, 6)) as historic_revenue,
        {{ ratio('registry.historic_revenue', 'registry.clients') }} as historic_ltv

    from with_ltv as registry

)

select * from final
