{#- a year of 365.25 days -#}
{%- set microseconds_per_year = 31557600000000 -%}
{%- set segment_types = ['channel', 'client_type'] -%}

with

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

activity as (

    select
        clients_by_segment.period_grain
        || '|' || cast(clients_by_segment.period_start as {{ dbt.type_string() }})
        || '|' || clients_by_segment.segment_type
        || '|' || clients_by_segment.segment_id as client_activity_key,
        clients_by_segment.period_grain,
        clients_by_segment.period_start,
        clients_by_segment.segment_type,
        clients_by_segment.segment_id,
        clients_by_segment.clients,
        clients_by_segment.repeat_clients,
        purchases_by_segment.purchases,
        cast(purchases_by_segment.revenue as numeric(28, 6)) as revenue,
        cast(purchases_by_segment.historic_revenue as numeric(28, 6)) as historic_revenue,
        spans_by_segment.total_lifespan_years,
        spans_by_segment.active_client_years,
        spans_by_segment.churn_events

    from clients_by_segment

    inner join purchases_by_segment
        on
            clients_by_segment.period_grain = purchases_by_segment.period_grain
            and clients_by_segment.period_start = purchases_by_segment.period_start
            and clients_by_segment.segment_type = purchases_by_segment.segment_type
            and clients_by_segment.segment_id = purchases_by_segment.segment_id

    inner join spans_by_segment
        on
            clients_by_segment.period_grain = spans_by_segment.period_grain
            and clients_by_segment.period_start = spans_by_segment.period_start
            and clients_by_segment.segment_type = spans_by_segment.segment_type
            and clients_by_segment.segment_id = spans_by_segment.segment_id

)

select * from activity
