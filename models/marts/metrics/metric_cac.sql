with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'cac'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

daily_costs as (

    select * from {{ ref('int_daily_costs') }}

),

client_periods as (

    select * from {{ ref('int_client_periods') }}

),

ltv as (

    select * from {{ ref('metric_ltv') }}

),



costs_by_channel as (

    select
        period_days.period_grain,
        period_days.period_start,
        daily_costs.channel_id,
        coalesce(sum(daily_costs.amount) filter (where daily_costs.cost_type = 'marketing'), 0) as marketing_cost,
        coalesce(sum(daily_costs.amount) filter (where daily_costs.cost_type = 'crm'), 0) as crm_cost,
        coalesce(sum(daily_costs.amount) filter (where daily_costs.cost_type = 'salary'), 0) as salary_cost,
        coalesce(sum(daily_costs.amount) filter (where daily_costs.cost_type = 'other'), 0) as other_cost

    from daily_costs

    inner join period_days
        on daily_costs.date_day = period_days.date_day

    group by
        period_days.period_grain,
        period_days.period_start,
        daily_costs.channel_id

),

company_wide_costs as (

    select * from costs_by_channel
    where channel_id is null

),

new_clients_by_channel as (

    select
        period_grain,
        period_start,
        channel_id,
        count(*) as new_clients

    from client_periods

    where is_new

    group by period_grain, period_start, channel_id

),

channels as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        coalesce(costs_by_channel.marketing_cost, 0) as own_marketing_cost,
        coalesce(costs_by_channel.crm_cost, 0) as own_crm_cost,
        coalesce(costs_by_channel.salary_cost, 0) as own_salary_cost,
        coalesce(costs_by_channel.other_cost, 0) as own_other_cost,
        coalesce(company_wide_costs.marketing_cost, 0) as shared_marketing_cost,
        coalesce(company_wide_costs.crm_cost, 0) as shared_crm_cost,
        coalesce(company_wide_costs.salary_cost, 0) as shared_salary_cost,
        coalesce(company_wide_costs.other_cost, 0) as shared_other_cost,
        coalesce(new_clients_by_channel.new_clients, 0) as new_clients,
        -- shares are taken from running totals, so that the channels add up to the whole; where nobody is
        -- new, all of it stays with the member unknown
        case
            when sum(new_clients_by_channel.new_clients) over by_period > 0
                then coalesce(new_clients_by_channel.new_clients, 0)
            when registry.segment_id = 'unknown' then 1
            else 0
        end as weight

    from registry

    left join costs_by_channel
        on
            registry.period_grain = costs_by_channel.period_grain
            and registry.period_start = costs_by_channel.period_start
            and registry.segment_id = costs_by_channel.channel_id

    left join company_wide_costs
        on
            registry.period_grain = company_wide_costs.period_grain
            and registry.period_start = company_wide_costs.period_start

    left join new_clients_by_channel
        on
            registry.period_grain = new_clients_by_channel.period_grain
            and registry.period_start = new_clients_by_channel.period_start
            and registry.segment_id = new_clients_by_channel.channel_id

    where registry.segment_type = 'channel'

    window by_period as (partition by registry.period_grain, registry.period_start)

),

weighted as (

    select
        *,
        sum(weight) over (partition by period_grain, period_start order by metric_key) as weight_to_here,
        sum(weight) over (partition by period_grain, period_start) as weight_of_all

    from channels

),

cost_of_channels as (

    select
        metric_key,
        period_grain,
        period_start,
        new_clients,
        own_marketing_cost
        + {{ share_of('shared_marketing_cost', 'weight_to_here', 'weight_of_all') }}
        - {{ share_of('shared_marketing_cost', 'weight_to_here - weight', 'weight_of_all') }} as marketing_cost,
        own_crm_cost
        + {{ share_of('shared_crm_cost', 'weight_to_here', 'weight_of_all') }}
        - {{ share_of('shared_crm_cost', 'weight_to_here - weight', 'weight_of_all') }} as crm_cost,
        own_salary_cost
        + {{ share_of('shared_salary_cost', 'weight_to_here', 'weight_of_all') }}
        - {{ share_of('shared_salary_cost', 'weight_to_here - weight', 'weight_of_all') }} as salary_cost,
        own_other_cost
        + {{ share_of('shared_other_cost', 'weight_to_here', 'weight_of_all') }}
        - {{ share_of('shared_other_cost', 'weight_to_here - weight', 'weight_of_all') }} as other_cost

    from weighted

),

cost_of_members as (

    select
        metric_key,
        new_clients,
        marketing_cost,
        crm_cost,
        salary_cost,
        other_cost

    from cost_of_channels

    union all

    select
        'cac|' || period_grain || '|' || cast(period_start as {{ dbt.type_string() }}) || '|all|all' as metric_key,
        sum(new_clients) as new_clients,
        sum(marketing_cost) as marketing_cost,
        sum(crm_cost) as crm_cost,
        sum(salary_cost) as salary_cost,
        sum(other_cost) as other_cost

    from cost_of_channels

    group by period_grain, period_start

),

totals as (

    select
        registry.metric_key,
        registry.period_grain,
        registry.period_start,
        registry.period_end,
        registry.is_complete,
        registry.segment_type,
        registry.segment_id,
        registry.segment_name,
        costs.new_clients,
        costs.marketing_cost,
        costs.crm_cost,
        costs.salary_cost,
        costs.other_cost,
        costs.marketing_cost + costs.crm_cost as acquisition_cost,
        costs.marketing_cost + costs.crm_cost + costs.salary_cost + costs.other_cost as full_cost,
        ltv.ltv,
        ltv.average_order_value * ltv.purchases_per_client_year * ltv.gross_margin_rate as margin_per_client_year,
        registry.is_source_missing

    from registry

    inner join cost_of_members as costs
        on registry.metric_key = costs.metric_key

    inner join ltv
        on
            registry.period_grain = ltv.period_grain
            and registry.period_start = ltv.period_start
            and registry.segment_type = ltv.segment_type
            and registry.segment_id = ltv.segment_id

),

with_cac as (

    select
        *,
        case when not is_source_missing then {{ ratio('acquisition_cost', 'new_clients') }} end as cac,
        case when not is_source_missing then {{ ratio('full_cost', 'new_clients') }} end as cac_full,
        case when not is_source_missing then {{ ratio('marketing_cost', 'new_clients') }} end as cac_marketing_only

    from totals

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
        {{ value_status('registry.cac', 'registry.is_source_missing') }} as value_status,
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
