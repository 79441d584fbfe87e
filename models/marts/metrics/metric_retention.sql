{%- set segment_types = ['channel', 'client_type'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'retention'

),

client_periods as (

    select * from {{ ref('int_client_periods') }}

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

clients_by_segment as (

    select
        {{ cell_key('client_periods.period_key', segment_types) }} as cell_key,
        count(*) filter (where client_periods.is_active_at_start) as clients_at_start,
        count(*) filter (where client_periods.is_new) as new_clients,
        count(*) filter (where client_periods.is_reactivated) as reactivated_clients,
        count(*) filter (where not client_periods.is_active_at_end) as churned_clients,
        count(*) filter (where client_periods.is_active_at_end) as clients_at_end,
        count(*) filter (
            where client_periods.is_active_at_start and client_periods.is_active_at_end
        )
            as retained_clients

    from client_periods

    group by {{ segment_sets('client_periods.period_key', segment_types) }}

),

cells as (

    select
        registry.*,
        {{ is_history_too_short('registry') }}
            as is_history_too_short

    from registry

    cross join history_start

),

final as (

    select
        {{ cell_columns('cells') }},
        {{ value_status(
            'cells.is_complete',
            ratio('clients_by_segment.retained_clients', 'clients_by_segment.clients_at_start'),
            is_history_too_short='cells.is_history_too_short'
        ) }} as value_status,
        coalesce(clients_by_segment.clients_at_start, 0) as clients_at_start,
        coalesce(clients_by_segment.new_clients, 0) as new_clients,
        coalesce(clients_by_segment.reactivated_clients, 0) as reactivated_clients,
        coalesce(clients_by_segment.churned_clients, 0) as churned_clients,
        coalesce(clients_by_segment.clients_at_end, 0) as clients_at_end,
        coalesce(clients_by_segment.retained_clients, 0) as retained_clients,
        case
            when not cells.is_history_too_short
                then
                    {{ ratio(
                        'clients_by_segment.retained_clients',
                        'clients_by_segment.clients_at_start',
                        100
                    ) }}
        end as retention_rate_pct

    from cells

    left join clients_by_segment
        on cells.cell_key = clients_by_segment.cell_key

)

select * from final
