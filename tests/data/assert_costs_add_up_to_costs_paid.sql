-- What the periods show is what was paid, but for the days outside the calendar of the data.
with

costs as (

    select * from {{ ref('stg_reference__costs') }}

),

daily_costs as (

    select * from {{ ref('fct_costs') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

spread as (

    select
        cost_id,
        count(*) as days,
        sum(amount) as amount

    from daily_costs

    group by cost_id

)

select
    costs.cost_id,
    costs.amount * exchange_rates.rate as paid,
    spread.amount as spread_over_days

from costs

cross join settings

inner join exchange_rates
    on
        exchange_rates.currency = coalesce(costs.currency, settings.base_currency)
        and costs.date_from >= exchange_rates.valid_from
        and costs.date_from < exchange_rates.valid_before

inner join spread
    on costs.cost_id = spread.cost_id

where
    spread.days = {{ dbt.datediff('costs.date_from', 'costs.date_to', 'day') }} + 1
    and abs(costs.amount * exchange_rates.rate - spread.amount) > 0.000001
