{%- set cost_types = ['marketing', 'crm', 'salary', 'other'] -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

daily_costs as (

    select * from {{ ref('fct_costs') }}

),

client_periods as (

    select * from {{ ref('int_client_periods') }}

),

costs_by_channel as (

    select
        {% for cost_type in cost_types %}
        sum(daily_costs.amount) filter (where daily_costs.cost_type = '{{ cost_type }}')
            as {{ cost_type }}_cost,
        {% endfor %}
        period_days.period_key,
        daily_costs.channel_id

    from daily_costs

    inner join period_days
        on daily_costs.date_day = period_days.date_day

    group by period_days.period_key, daily_costs.channel_id

),

company_wide_costs as (

    select * from costs_by_channel
    where channel_id is null

),

new_clients_by_channel as (

    select
        period_key,
        channel_id,
        count(*) as new_clients

    from client_periods

    where is_new

    group by period_key, channel_id

),

weights as (

    select
        {% for cost_type in cost_types %}
        coalesce(costs_by_channel.{{ cost_type }}_cost, 0) as own_{{ cost_type }}_cost,
        coalesce(company_wide_costs.{{ cost_type }}_cost, 0) as shared_{{ cost_type }}_cost,
        {% endfor %}
        periods.period_key,
        channels.channel_id,
        coalesce(new_clients_by_channel.new_clients, 0) as new_clients,
        -- shares are taken from running totals, so that the channels add up to the whole; where
        -- nobody is new, all of it stays with the member unknown
        case
            when sum(new_clients_by_channel.new_clients) over (partition by periods.period_key) > 0
                then coalesce(new_clients_by_channel.new_clients, 0)
            when channels.channel_id = 'unknown' then 1
            else 0
        end as weight

    from periods

    cross join channels

    left join costs_by_channel
        on
            periods.period_key = costs_by_channel.period_key
            and channels.channel_id = costs_by_channel.channel_id

    left join company_wide_costs
        on periods.period_key = company_wide_costs.period_key

    left join new_clients_by_channel
        on
            periods.period_key = new_clients_by_channel.period_key
            and channels.channel_id = new_clients_by_channel.channel_id

),

weighted as (

    select
        *,
        sum(weight) over (
            partition by period_key
            order by {{ in_byte_order('channel_id') }}
        ) as weight_to_here,
        sum(weight) over (partition by period_key) as weight_of_all

    from weights

),

final as (

    select
        period_key || '|' || channel_id as channel_cost_key,
        {% for cost_type in cost_types %}
        cast(
            own_{{ cost_type }}_cost
            + {{ allocate('shared_' ~ cost_type ~ '_cost', 'weight_to_here', 'weight_of_all') }}
            - {{ allocate(
                'shared_' ~ cost_type ~ '_cost',
                'weight_to_here - weight',
                'weight_of_all'
            ) }}
            as numeric(28, 6)
        ) as {{ cost_type }}_cost,
        {% endfor %}
        period_key,
        channel_id,
        new_clients

    from weighted

)

select * from final
