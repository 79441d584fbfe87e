{#- a year of 365.25 days -#}
{%- set microseconds_per_year = 31557600000000 -%}
{%- set segment_types = ['channel', 'client_type'] -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

clients as (

    select * from {{ ref('dim_clients') }}
    where purchases > 0

),

purchases as (

    select * from {{ ref('fct_purchases') }}

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
        clients.client_type,
        clients.known_until_at

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
        clients.client_type,
        clients.known_until_at

    from active_spans

    inner join clients
        on active_spans.client_id = clients.client_id

),

purchases_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        count(*) filter (where client_purchases.purchased_at >= periods.trailing_start_at)
            as purchases,
        sum(client_purchases.amount) filter (
            where client_purchases.purchased_at >= periods.trailing_start_at
        )
            as revenue,
        sum(client_purchases.amount) as historic_revenue

    from periods

    inner join client_purchases
        on
            periods.cutoff_at > client_purchases.purchased_at
            and coalesce(periods.cutoff_at <= client_purchases.known_until_at, true)

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

-- time that has not passed yet is nobody's: spans are cut at the end of the period
spans_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
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
        on
            periods.cutoff_at > client_spans.span_start_at
            and coalesce(periods.cutoff_at <= client_spans.known_until_at, true)

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

clients_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        count(*) as clients,
        count(*) filter (where clients.second_purchase_at < periods.cutoff_at) as repeat_clients

    from periods

    inner join clients
        on
            periods.cutoff_at > clients.first_purchase_at
            and coalesce(periods.cutoff_at <= clients.known_until_at, true)

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

activity as (

    select
        clients_by_segment.cell_key,
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
        on clients_by_segment.cell_key = purchases_by_segment.cell_key

    inner join spans_by_segment
        on clients_by_segment.cell_key = spans_by_segment.cell_key

)

select * from activity
