{%- set margin = var('gross_margin_rate') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'ltv'

),

activity as (

    select * from {{ ref('int_client_activity') }}

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

parts as (

    select
        registry.*,
        {{ is_history_too_short('registry') }}
            as is_history_too_short,
        -- the window before the period's end has nothing of the time in which nobody could be lost
        coalesce(
            periods.trailing_start_at >= history_start.settled_from_at,
            false
        ) and activity.churn_events >= {{ var('min_sample_size') }} as is_lifespan_known,
        coalesce(activity.revenue, 0) as revenue,
        coalesce(activity.purchases, 0) as purchases,
        coalesce(activity.active_client_years, 0) as active_client_years,
        {{ ratio('activity.revenue', 'activity.purchases') }} as average_order_value,
        {{ ratio('activity.purchases', 'activity.active_client_years') }}
            as purchases_per_client_year,
        coalesce(activity.clients, 0) as clients,
        coalesce(activity.total_lifespan_years, 0) as total_lifespan_years,
        {{ ratio('activity.total_lifespan_years', 'activity.clients') }} as avg_lifespan_years,
        coalesce(cast(nullif('{{ margin }}', '') as {{ type_double() }}), 1)
            as gross_margin_rate,
        coalesce(activity.churn_events, 0) as churn_events,
        coalesce(activity.repeat_clients, 0) as repeat_clients,
        coalesce(activity.historic_revenue, 0) as historic_revenue

    from registry

    inner join periods
        on registry.period_key = periods.period_key

    cross join history_start

    left join activity
        on registry.cell_key = activity.cell_key

),

with_lifespan as (

    select
        *,
        case when is_lifespan_known then {{ ratio('active_client_years', 'churn_events') }} end
            as expected_lifespan_years

    from parts

),

with_ltv as (

    select
        *,
        case
            when not is_history_too_short
                then
                    average_order_value
                    * purchases_per_client_year
                    * avg_lifespan_years
                    * gross_margin_rate
        end as ltv,
        average_order_value
        * purchases_per_client_year
        * expected_lifespan_years
        * gross_margin_rate as ltv_expected

    from with_lifespan

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            'registry.ltv',
            is_history_too_short='registry.is_history_too_short'
        ) }} as value_status,
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
