-- A rate of zero makes revenue vanish, and two rates for one day leave it to chance which is used.
with

exchange_rates as (

    select * from {{ ref('stg_reference__exchange_rates') }}

),

problems as (

    select
        exchange_rate_key as row_key,
        'the rate must be above zero' as problem

    from exchange_rates

    where rate <= 0

    union all

    select
        exchange_rate_key as row_key,
        'a currency in itself needs no rate' as problem

    from exchange_rates

    where currency = base_currency

    union all

    select
        exchange_rate_key as row_key,
        'not ISO codes of currencies' as problem

    from exchange_rates

    where length(currency) <> 3 or length(base_currency) <> 3

)

select
    'exchange_rates' as seed,
    row_key,
    problem

from problems
