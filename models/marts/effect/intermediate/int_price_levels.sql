with

price_index as (

    select
        cast(price_index as {{ type_double() }}) as price_index,
        -- before the first index it is the first; that of a month without one is the newest before
        case
            when row_number() over (order by month_start) = 1 then cast('0001-01-01' as date)
            else month_start
        end as valid_from,
        coalesce(lead(month_start) over (order by month_start), cast('9999-12-31' as date))
            as valid_before

    from {{ ref('stg_reference__price_index') }}

),

last_month as (

    select max(period_start) as month_start

    from {{ ref('int_periods') }}

    where period_grain = 'month' and is_complete

),

last_index as (

    select price_index.price_index

    from price_index

    inner join last_month
        on
            price_index.valid_from <= last_month.month_start
            and price_index.valid_before > last_month.month_start

),

final as (

    select
        price_index.valid_from,
        price_index.valid_before,
        last_index.price_index / price_index.price_index as price_factor

    from price_index

    cross join last_index

    union all

    select
        cast('0001-01-01' as date) as valid_from,
        cast('9999-12-31' as date) as valid_before,
        cast(1 as {{ type_double() }}) as price_factor

    from last_index

    having count(*) = 0

)

select * from final
