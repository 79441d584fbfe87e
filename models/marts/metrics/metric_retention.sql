{%- set segment_types = ['channel', 'client_type'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'retention'

),

client_periods as (

    select * from {{ ref('int_client_periods') }}

),

clients_by_segment as (

    select
        client_periods.period_grain,
        client_periods.period_start,
        {{ segment_columns(segment_types) }},
        count(*) filter (where client_periods.is_active_at_start) as clients_at_start,
        count(*) filter (where client_periods.is_new) as new_clients,
        count(*) filter (where client_periods.is_reactivated) as reactivated_clients,
        count(*) filter (where not client_periods.is_active_at_end) as churned_clients,
        count(*) filter (where client_periods.is_active_at_end) as clients_at_end,
        count(*) filter (where client_periods.is_active_at_start and client_periods.is_active_at_end)
            as retained_clients

    from client_periods

    group by {{ segment_sets('client_periods.period_grain, client_periods.period_start', segment_types) }}

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
        {{ value_status(ratio('clients_by_segment.retained_clients', 'clients_by_segment.clients_at_start')) }}
            as value_status,
        coalesce(clients_by_segment.clients_at_start, 0) as clients_at_start,
        coalesce(clients_by_segment.new_clients, 0) as new_clients,
        coalesce(clients_by_segment.reactivated_clients, 0) as reactivated_clients,
        coalesce(clients_by_segment.churned_clients, 0) as churned_clients,
        coalesce(clients_by_segment.clients_at_end, 0) as clients_at_end,
        coalesce(clients_by_segment.retained_clients, 0) as retained_clients,
        {{ ratio('clients_by_segment.retained_clients', 'clients_by_segment.clients_at_start', 100) }}
            as retention_rate_pct

    from registry

    left join clients_by_segment
        on
            registry.period_grain = clients_by_segment.period_grain
            and registry.period_start = clients_by_segment.period_start
            and registry.segment_type = clients_by_segment.segment_type
            and registry.segment_id = clients_by_segment.segment_id

)

select * from final
