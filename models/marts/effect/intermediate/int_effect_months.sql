{%- set margin = var('gross_margin_rate') -%}
{%- set months_of = "period_grain = 'month' and segment_type = 'all' and is_complete" -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

periods as (

    select * from {{ ref('int_periods') }}
    where period_grain = 'month' and is_complete

),

period_days as (

    select * from {{ ref('int_period_days') }}
    where period_grain = 'month'

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

journal_months as (

    select * from {{ ref('int_journal_months') }}
    where is_used

),

money_months as (

    select * from {{ ref('int_effect_money_months') }}

),

metric_values as (

    select * from {{ ref('metric_values') }}
    where {{ months_of }}

),

conversions as (

    select * from {{ ref('metric_conversion') }}
    where {{ months_of }}

),

response_times as (

    select * from {{ ref('metric_response_time') }}
    where period_grain = 'month' and segment_type = 'request_channel' and is_complete

),

acquisition_costs as (

    select * from {{ ref('metric_cac') }}
    where {{ months_of }} and value_status <> 'source_missing'

),

lifetime_values as (

    select * from {{ ref('metric_ltv') }}
    where {{ months_of }}

),

automation_levels as (

    select * from {{ ref('metric_automation_level') }}
    where {{ months_of }} and value_status <> 'source_missing'

),

deals as (

    select * from {{ ref('fct_deals') }}

),

demand_units as (

    select * from {{ ref('fct_demand_units') }}
    -- a journal cannot tell a client who was never answered from one who went elsewhere
    where not is_excluded and source is distinct from 'journal'

),

purchases as (

    select
        purchased_date,
        lead(purchased_at) over (partition by client_id order by purchase_number)
        < {{ dbt.dateadd('hour', var('client_inactivity_days') * 24, 'purchased_at') }}
            as is_followed

    from {{ ref('fct_purchases') }}

),

-- client-months repeat a client month after month; a purchase is followed by another, or it is not
followed_purchases as (

    select
        period_days.period_start,
        count(*) filter (where purchases.is_followed) as followed,
        count(*) as purchases

    from purchases

    inner join period_days
        on purchases.purchased_date = period_days.date_day

    group by period_days.period_start

),

-- the month in which a deal was won takes long cycles only once the data is old; that of the first
-- contact gives all deals as long
cycles as (

    select
        period_days.period_start,
        sum({{ microseconds_between('deals.first_contact_at', 'deals.won_at') }})
            as cycle_microseconds,
        count(*) as deals

    from deals

    inner join period_days
        on cast({{ to_local('deals.first_contact_at') }} as date) = period_days.date_day

    where
        deals.won_at
        < {{ dbt.dateadd('hour', var('cycle_horizon_days') * 24, 'deals.first_contact_at') }}

    group by period_days.period_start

),

losses as (

    select
        period_days.period_start,
        coalesce(demand_units.request_channel, 'none') as request_kind,
        count(*) filter (where demand_units.is_organisational_loss) as lost,
        count(*) as demand

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    group by period_days.period_start, coalesce(demand_units.request_channel, 'none')

),

last_lifespan as (

    select avg_lifespan_years

    from lifetime_values

    order by period_start desc

    limit 1

),

-- a published LTV looks back on twelve months and on all lifespans so far: its months overlap, and
-- it grows with the age of the portal. What a month itself adds does neither; the lifespan is one
-- and the same for all
lifetime_additions as (

    select
        lifetime_values.period_start,
        lifetime_values.gross_margin_rate * cast(
            lifetime_values.historic_revenue
            - coalesce(lag(lifetime_values.historic_revenue) over of_one_record, 0)
            as {{ type_double() }}
        ) as margin,
        lifetime_values.total_lifespan_years
        - coalesce(lag(lifetime_values.total_lifespan_years) over of_one_record, 0)
            as client_years

    from lifetime_values

    cross join history_start

    -- where the journal ends the CRM begins anew, with clients of its own
    window of_one_record as (
        partition by coalesce(lifetime_values.period_end < history_start.journal_end_date, false)
        order by lifetime_values.period_start
    )

),

comparable as (

    select
        'conversion' as metric_code,
        'all' as request_kind,
        period_start,
        cast(leads_won_within_90d as {{ type_double() }}) as numerator,
        cast(leads as {{ type_double() }}) as denominator,
        leads as cases

    from conversions

    union all

    select
        'response_time' as metric_code,
        segment_id as request_kind,
        period_start,
        total_response_minutes as numerator,
        cast(averaged_requests as {{ type_double() }}) as denominator,
        averaged_requests as cases

    from response_times

    {% for metric_code, counted in [('retention', 'followed'), ('churn', 'purchases - followed')] %}
    union all

    select
        '{{ metric_code }}' as metric_code,
        'all' as request_kind,
        period_start,
        cast({{ counted }} as {{ type_double() }}) as numerator,
        cast(purchases as {{ type_double() }}) as denominator,
        purchases as cases

    from followed_purchases
    {% endfor %}

    union all

    select
        'cac' as metric_code,
        'all' as request_kind,
        acquisition_costs.period_start,
        money_months.marketing_cost + money_months.crm_cost as numerator,
        cast(acquisition_costs.new_clients as {{ type_double() }}) as denominator,
        acquisition_costs.new_clients as cases

    from acquisition_costs

    inner join money_months
        on acquisition_costs.period_start = money_months.period_start

    union all

    select
        'sales_cycle' as metric_code,
        'all' as request_kind,
        period_start,
        cast(cycle_microseconds as {{ type_double() }}) / 86400000000 as numerator,
        cast(deals as {{ type_double() }}) as denominator,
        deals as cases

    from cycles

    union all

    select
        'ltv' as metric_code,
        'all' as request_kind,
        lifetime_additions.period_start,
        lifetime_additions.margin
        * last_lifespan.avg_lifespan_years
        * money_months.price_factor as numerator,
        lifetime_additions.client_years as denominator,
        coalesce(followed_purchases.purchases, 0) as cases

    from lifetime_additions

    inner join money_months
        on lifetime_additions.period_start = money_months.period_start

    cross join last_lifespan

    left join followed_purchases
        on lifetime_additions.period_start = followed_purchases.period_start

    union all

    select
        'average_deal_size' as metric_code,
        'all' as request_kind,
        period_start,
        revenue as numerator,
        closed_deals as denominator,
        cast(closed_deals as bigint) as cases

    from money_months

    union all

    select
        'automation_level' as metric_code,
        'all' as request_kind,
        period_start,
        cast(automated_events as {{ type_double() }}) as numerator,
        cast(total_events as {{ type_double() }}) as denominator,
        total_events as cases

    from automation_levels

    where total_events > 0

    union all

    -- counted here, and priced where the windows are known: at one price for both
    select
        'lost_sales' as metric_code,
        request_kind,
        period_start,
        cast(lost as {{ type_double() }}) as numerator,
        cast(demand as {{ type_double() }}) as denominator,
        demand as cases

    from losses

    union all

    -- what a month brought before the costs of the CRM: no metric, but money is compared the same
    -- way
    select
        'net_effect' as metric_code,
        'all' as request_kind,
        period_start,
        revenue
        * coalesce(cast(nullif('{{ margin }}', '') as {{ type_double() }}), 1)
        - marketing_cost - salary_cost - other_cost as numerator,
        cast(1 as {{ type_double() }}) as denominator,
        cast(closed_deals as bigint) as cases

    from money_months

),

article as (

    select
        metric_code,
        'all' as request_kind,
        period_start,
        numerator,
        -- lost sales are an amount: their average is one of months
        coalesce(denominator, 1) as denominator,
        cast(coalesce(denominator, 1) as bigint) as cases

    from metric_values

    where
        value_status = 'measured'
        -- a month without a client has costs all the same, one without leads may have deals
        or (
            value_status = 'no_data'
            and numerator <> 0
            and denominator = 0
            and metric_code not in ('ltv', 'automation_level')
        )

),

all_months as (

    select
        'comparable' as basis,
        *

    from comparable

    union all

    select
        'article' as basis,
        metric_code,
        request_kind,
        period_start,
        numerator,
        denominator,
        cases

    from article

),

final as (

    select
        all_months.basis
        || '|' || all_months.metric_code
        || '|' || all_months.request_kind
        || '|' || cast(all_months.period_start as {{ dbt.type_string() }}) as effect_month_key,
        all_months.basis,
        all_months.metric_code,
        all_months.request_kind,
        all_months.period_start,
        all_months.numerator,
        all_months.denominator,
        cast(all_months.cases as bigint) as cases,
        {{ dbt.dateadd(
            'hour',
            '24 * ' ~ follow_up_days('all_months.metric_code'),
            'periods.period_end_at'
        ) }}
        <= coalesce(journal_months.known_until_at, settings.as_of_at)
        or (
            all_months.basis = 'article'
            and all_months.metric_code not in ('response_time', 'lost_sales')
        ) as is_ripe,
        all_months.metric_code not in ('retention', 'churn', 'cac', 'ltv', 'net_effect')
        or case
            when journal_months.month_start is null
                then coalesce(all_months.period_start >= history_start.settled_from_date, true)
            else coalesce(all_months.period_start >= history_start.journal_settled_from_date, false)
        end as is_settled,
        case when journal_months.month_start is null then 'data' else 'journal' end as source

    from all_months

    inner join periods
        on all_months.period_start = periods.period_start

    cross join settings
    cross join history_start

    left join journal_months
        on
            all_months.period_start = journal_months.month_start
            and journal_months.record_kind
            = case all_months.metric_code
                when 'response_time' then 'requests'
                when 'automation_level' then 'none'
                else 'deals'
            end

    -- a month in which nothing happened says nothing; costs without a client do
    where all_months.numerator <> 0 or all_months.denominator <> 0

)

select * from final
