with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'ltv'

),

activity as (

    select * from {{ ref('int_client_activity') }}

),

parts as (

    select
        registry.*,
        coalesce(activity.revenue, 0) as revenue,
        coalesce(activity.purchases, 0) as purchases,
        coalesce(activity.active_client_years, 0) as active_client_years,
        {{ ratio('activity.revenue', 'activity.purchases') }} as average_order_value,
        {{ ratio('activity.purchases', 'activity.active_client_years') }}
            as purchases_per_client_year,
        coalesce(activity.clients, 0) as clients,
        coalesce(activity.total_lifespan_years, 0) as total_lifespan_years,
        {{ ratio('activity.total_lifespan_years', 'activity.clients') }} as avg_lifespan_years,
        cast({{ var('gross_margin_rate') }} as {{ type_double() }}) as gross_margin_rate,
        coalesce(activity.churn_events, 0) as churn_events,
        {{ ratio('activity.active_client_years', 'activity.churn_events') }}
            as expected_lifespan_years,
        coalesce(activity.repeat_clients, 0) as repeat_clients,
        coalesce(activity.historic_revenue, 0) as historic_revenue

    from registry

    left join activity
        on registry.cell_key = activity.cell_key

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
        {{ cell_columns('registry') }},
        {{ value_status('registry.is_complete', 'registry.ltv') }} as value_status,
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
