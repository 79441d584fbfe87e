with

settings as (

    select * from {{ ref('int_run_settings') }}

),

currencies as (

    select * from {{ ref('stg_bitrix24__currencies') }}

),

dated_rates as (

    select
        exchange_rates.currency,
        exchange_rates.valid_from,
        cast(exchange_rates.rate as numeric(28, 12)) as rate

    from {{ ref('stg_reference__exchange_rates') }} as exchange_rates

    inner join settings
        on exchange_rates.base_currency = settings.base_currency

    where exchange_rates.currency <> settings.base_currency

),

-- `price` of the portal's base currency is paid for so many `units`, both in ten-thousandths: whole
-- numbers
prices as (

    select
        currency,
        cast(cast(price_in_base as numeric(38, 4)) * 10000 as numeric(38, 0)) as price,
        cast(cast(units as numeric(38, 4)) * 10000 as numeric(38, 0)) as units

    from currencies

    where price_in_base > 0 and units > 0

),

base_price as (

    select
        prices.price,
        prices.units

    from prices

    inner join settings
        on prices.currency = settings.base_currency

),

-- the portal's own rates are in its own base currency, which is not always the one reported in
current_rates as (

    select
        prices.currency,
        cast('0001-01-01' as date) as valid_from,
        {{ exact_ratio(
            'prices.price * base_price.units * 1000000000000',
            'prices.units * base_price.price',
            12
        ) }} as rate

    from prices

    inner join settings
        on prices.currency <> settings.base_currency

    cross join base_price

),

base_rate as (

    select
        base_currency as currency,
        cast('0001-01-01' as date) as valid_from,
        cast(1 as numeric(28, 12)) as rate

    from settings

    where base_currency is not null

),

all_rates as (

    select * from dated_rates
    union all
    select * from current_rates
    union all
    select * from base_rate

),

rates as (

    select
        currency || '|' || cast(valid_from as {{ dbt.type_string() }}) as exchange_rate_key,
        currency,
        valid_from,
        -- the next rate ends this one; the portal's present rate serves the dates before the first
        -- dated one
        coalesce(
            lead(valid_from) over (partition by currency order by valid_from),
            cast('9999-12-31' as date)
        ) as valid_before,
        rate

    from all_rates

)

select * from rates
