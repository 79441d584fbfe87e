with

metric_values as (

    select * from {{ ref('metric_values') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

conversions as (

    select * from {{ ref('metric_conversion') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

lifetime_values as (

    select * from {{ ref('metric_ltv') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

lost_sales as (

    select * from {{ ref('metric_lost_sales') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

published as (

    select
        metric_code,
        period_start,
        value,
        numerator,
        denominator

    from metric_values

    where metric_code not in ('conversion', 'ltv', 'lost_sales') and value_status in ('measured', 'no_data')

),

-- leads of one month followed for the same time, so that a young cohort is not taken for a worse one, and
-- so that what is counted is a part of what it is counted of
ripe_conversions as (

    select
        'conversion' as metric_code,
        period_start,
        won_within_90d_pct as value,
        cast(leads_won_within_90d as {{ type_double() }}) as numerator,
        cast(leads as {{ type_double() }}) as denominator

    from conversions

    where won_within_90d_pct is not null

),

last_lifespan as (

    select avg_lifespan_years

    from lifetime_values

    order by period_start desc

    limit 1

),

-- a published LTV looks back on twelve months and on all lifespans so far: its months overlap, and it grows
-- with the age of the portal. What a month itself adds does neither; the lifespan is one and the same for all
monthly_additions as (

    select
        period_start,
        gross_margin_rate * cast(
            historic_revenue - coalesce(lag(historic_revenue) over (order by period_start), 0) as {{ type_double() }}
        ) as margin,
        total_lifespan_years - coalesce(lag(total_lifespan_years) over (order by period_start), 0)
            as client_years

    from lifetime_values

),

monthly_lifetime_values as (

    select
        'ltv' as metric_code,
        monthly_additions.period_start,
        monthly_additions.margin * last_lifespan.avg_lifespan_years
        / nullif(monthly_additions.client_years, 0) as value,
        monthly_additions.margin * last_lifespan.avg_lifespan_years as numerator,
        monthly_additions.client_years as denominator

    from monthly_additions

    cross join last_lifespan

),

-- lost sales grow with demand: what the CRM can change is the loss per unit of demand
unit_losses as (

    select
        'lost_sales' as metric_code,
        period_start,
        {{ ratio('lost_sales', 'demand') }} as value,
        lost_sales as numerator,
        cast(demand as {{ type_double() }}) as denominator

    from lost_sales

),

all_months as (

    select * from published
    union all
    select * from ripe_conversions
    union all
    select * from monthly_lifetime_values
    union all
    select * from unit_losses

),

final as (

    select
        metric_code || '|' || cast(period_start as {{ dbt.type_string() }}) as effect_month_key,
        metric_code,
        period_start,
        value,
        numerator,
        denominator

    from all_months

    -- a month in which nothing happened says nothing; costs without a client do
    where numerator <> 0 or denominator <> 0

)

select * from final
