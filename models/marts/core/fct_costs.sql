with

costs as (

    select * from {{ ref('stg_reference__costs') }}

),

dates as (

    select * from {{ ref('dim_dates') }}
    -- the calendar begins with the strays, the periods do not
    where date_day >= (select span.first_month from {{ ref('int_data_span') }} as span)

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

cost_days as (

    select
        costs.cost_id,
        costs.cost_type,
        costs.channel_id,
        costs.date_from,
        coalesce(costs.currency, settings.base_currency) as currency,
        costs.amount,
        dates.date_day,
        {{ dbt.datediff('costs.date_from', 'costs.date_to', 'day') }} + 1 as days,
        {{ dbt.datediff('costs.date_from', 'dates.date_day', 'day') }} + 1 as day_number

    from costs

    inner join dates
        on dates.date_day between costs.date_from and costs.date_to

    cross join settings

),

converted as (

    select
        cost_days.*,
        cast(
            cast(cost_days.amount as numeric(18, 4)) * exchange_rates.rate
            as numeric(28, 6)
        ) as amount_in_base

    from cost_days

    left join exchange_rates
        on
            cost_days.currency = exchange_rates.currency
            and cost_days.date_from >= exchange_rates.valid_from
            and cost_days.date_from < exchange_rates.valid_before

),

-- a day's share is the difference of two rounded running totals, so that the days of a cost add up
-- to it
final as (

    select
        cost_id || '|' || cast(date_day as {{ dbt.type_string() }}) as cost_day_key,
        date_day,
        cost_id,
        cost_type,
        channel_id,
        cast(
            {{ allocate('amount_in_base', 'day_number', 'days') }}
            - {{ allocate('amount_in_base', 'day_number - 1', 'days') }} as numeric(28, 6)
        ) as amount,
        currency as original_currency,
        date_from as rate_date

    from converted

)

select * from final
