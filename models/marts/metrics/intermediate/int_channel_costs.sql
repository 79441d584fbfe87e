with

periods as (

    select * from {{ ref('int_periods') }}

),

channels as (

    select * from {{ ref('int_channels') }}

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

weights as (

    select
        periods.period_grain,
        periods.period_start,
        channels.channel_id,
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
            when channels.channel_id = 'unknown' then 1
            else 0
        end as weight

    from periods

    cross join channels

    left join costs_by_channel
        on
            periods.period_grain = costs_by_channel.period_grain
            and periods.period_start = costs_by_channel.period_start
            and channels.channel_id = costs_by_channel.channel_id

    left join company_wide_costs
        on
            periods.period_grain = company_wide_costs.period_grain
            and periods.period_start = company_wide_costs.period_start

    left join new_clients_by_channel
        on
            periods.period_grain = new_clients_by_channel.period_grain
            and periods.period_start = new_clients_by_channel.period_start
            and channels.channel_id = new_clients_by_channel.channel_id

    window by_period as (partition by periods.period_grain, periods.period_start)

),

weighted as (

    select
        *,
        sum(weight) over (
            partition by period_grain, period_start
            order by {{ in_byte_order('channel_id') }}
        ) as weight_to_here,
        sum(weight) over (partition by period_grain, period_start) as weight_of_all

    from weights

),

final as (

    select
        period_grain
        || '|' || cast(period_start as {{ dbt.type_string() }})
        || '|' || channel_id as channel_cost_key,
        period_grain,
        period_start,
        channel_id,
        new_clients,
        cast(
            own_marketing_cost
            + {{ allocate('shared_marketing_cost', 'weight_to_here', 'weight_of_all') }}
            - {{ allocate('shared_marketing_cost', 'weight_to_here - weight', 'weight_of_all') }}
            as numeric(28, 6)
        ) as marketing_cost,
        cast(
            own_crm_cost
            + {{ allocate('shared_crm_cost', 'weight_to_here', 'weight_of_all') }}
            - {{ allocate('shared_crm_cost', 'weight_to_here - weight', 'weight_of_all') }}
            as numeric(28, 6)
        ) as crm_cost,
        cast(
            own_salary_cost
            + {{ allocate('shared_salary_cost', 'weight_to_here', 'weight_of_all') }}
            - {{ allocate('shared_salary_cost', 'weight_to_here - weight', 'weight_of_all') }}
            as numeric(28, 6)
        ) as salary_cost,
        cast(
            own_other_cost
            + {{ allocate('shared_other_cost', 'weight_to_here', 'weight_of_all') }}
            - {{ allocate('shared_other_cost', 'weight_to_here - weight', 'weight_of_all') }}
            as numeric(28, 6)
        ) as other_cost

    from weighted

)

select * from final
