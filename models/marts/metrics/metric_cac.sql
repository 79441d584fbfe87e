with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'cac'

),

channel_costs as (

    select * from {{ ref('int_channel_costs') }}

),

ltv as (

    select * from {{ ref('metric_ltv') }}

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

costs as (

    select
        {{ cell_key('period_key', ['channel']) }} as cell_key,
        sum(new_clients) as new_clients,
        sum(marketing_cost) as marketing_cost,
        sum(crm_cost) as crm_cost,
        sum(salary_cost) as salary_cost,
        sum(other_cost) as other_cost

    from channel_costs

    group by {{ segment_sets('period_key', ['channel']) }}

),

totals as (

    select
        registry.*,
        {{ is_history_too_short('registry') }}
            as is_history_too_short,
        costs.new_clients,
        costs.marketing_cost,
        costs.crm_cost,
        costs.salary_cost,
        costs.other_cost,
        costs.marketing_cost + costs.crm_cost as acquisition_cost,
        costs.marketing_cost + costs.crm_cost + costs.salary_cost + costs.other_cost as full_cost,
        ltv.ltv,
        ltv.average_order_value
        * ltv.purchases_per_client_year
        * ltv.gross_margin_rate as margin_per_client_year

    from registry

    cross join history_start

    inner join costs
        on registry.cell_key = costs.cell_key

    inner join ltv
        on 'ltv|' || registry.cell_key = ltv.metric_key

),

-- at the beginning of the data old clients pass for new ones
known_totals as (

    select
        *,
        not is_source_missing and not is_history_too_short as is_known

    from totals

),

with_cac as (

    select
        *,
        case when is_known then {{ ratio('acquisition_cost', 'new_clients') }} end as cac,
        case when is_known then {{ ratio('full_cost', 'new_clients') }} end as cac_full,
        case when is_known then {{ ratio('marketing_cost', 'new_clients') }} end
            as cac_marketing_only

    from known_totals

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            'registry.cac',
            'registry.is_source_missing',
            'registry.is_history_too_short'
        ) }} as value_status,
        cast(registry.marketing_cost as numeric(28, 6)) as marketing_cost,
        cast(registry.crm_cost as numeric(28, 6)) as crm_cost,
        cast(registry.salary_cost as numeric(28, 6)) as salary_cost,
        cast(registry.other_cost as numeric(28, 6)) as other_cost,
        cast(registry.acquisition_cost as numeric(28, 6)) as acquisition_cost,
        cast(registry.full_cost as numeric(28, 6)) as full_cost,
        cast(registry.new_clients as bigint) as new_clients,
        registry.cac,
        registry.cac_full,
        registry.cac_marketing_only,
        registry.ltv,
        {{ ratio('registry.ltv', 'registry.cac') }} as ltv_to_cac,
        {{ ratio('registry.cac', 'registry.margin_per_client_year', 12) }} as payback_months,
        registry.cac > registry.ltv as is_unprofitable

    from with_cac as registry

)

select * from final
