with

clients as (

    select * from {{ ref('dim_clients') }}
    where purchases > 0 and source is distinct from 'journal'

),

purchases as (

    select * from {{ ref('fct_purchases') }}

),

client_periods as (

    select * from {{ ref('int_client_periods') }}
    where period_grain = 'month'

),

months as (

    select * from {{ ref('int_periods') }}
    where period_grain = 'month'

),

cohort_members as (

    select
        client_id,
        cast({{ dbt.date_trunc('month', to_local('first_purchase_at')) }} as date) as cohort_month

    from clients

),

cohorts as (

    select
        cohort_month,
        count(*) as clients

    from cohort_members

    group by cohort_month

),

-- every cohort has a row for every month since, also for those in which nobody bought
cohort_months as (

    select
        cohorts.cohort_month,
        cohorts.clients,
        months.period_start as period_month

    from cohorts

    inner join months
        on cohorts.cohort_month <= months.period_start

),

active_by_month as (

    select
        cohort_members.cohort_month,
        client_periods.period_start as period_month,
        count(*) as active_clients

    from client_periods

    inner join cohort_members
        on client_periods.client_id = cohort_members.client_id

    where client_periods.is_active_at_end

    group by cohort_members.cohort_month, client_periods.period_start

),

purchases_by_month as (

    select
        cohort_members.cohort_month,
        cast({{ dbt.date_trunc('month', 'purchases.purchased_date') }} as date) as period_month,
        count(distinct purchases.client_id) as purchasing_clients,
        sum(purchases.amount) as revenue

    from purchases

    inner join cohort_members
        on purchases.client_id = cohort_members.client_id

    group by
        cohort_members.cohort_month,
        cast({{ dbt.date_trunc('month', 'purchases.purchased_date') }} as date)

),

joined as (

    select
        cohort_months.cohort_month,
        cohort_months.period_month,
        cast(
            {{ dbt.datediff(
                'cohort_months.cohort_month',
                'cohort_months.period_month',
                'month'
            ) }} as bigint
        )
            as months_since,
        cohort_months.clients,
        coalesce(active_by_month.active_clients, 0) as active_clients,
        coalesce(purchases_by_month.purchasing_clients, 0) as purchasing_clients,
        coalesce(purchases_by_month.revenue, 0) as revenue,
        sum(coalesce(purchases_by_month.revenue, 0)) over (
            partition by cohort_months.cohort_month
            order by cohort_months.period_month
            rows between unbounded preceding and current row
        ) as cumulative_revenue

    from cohort_months

    left join active_by_month
        on
            cohort_months.cohort_month = active_by_month.cohort_month
            and cohort_months.period_month = active_by_month.period_month

    left join purchases_by_month
        on
            cohort_months.cohort_month = purchases_by_month.cohort_month
            and cohort_months.period_month = purchases_by_month.period_month

),

final as (

    select
        cast(cohort_month as {{ dbt.type_string() }})
        || '|' || cast(months_since as {{ dbt.type_string() }}) as client_cohort_key,
        cohort_month,
        months_since,
        period_month,
        clients,
        active_clients,
        purchasing_clients,
        {{ ratio('active_clients', 'clients', 100) }} as retention_pct,
        cast(revenue as numeric(28, 6)) as revenue,
        cast(cumulative_revenue as numeric(28, 6)) as cumulative_revenue,
        {{ ratio('cumulative_revenue', 'clients') }} as cumulative_revenue_per_client

    from joined

)

select * from final
