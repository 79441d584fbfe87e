-- Every won deal is in exactly one month, neither lost between two nor counted in both; strays of
-- years ago are in none.
with

deals as (

    select * from {{ ref('fct_deals') }}
    where
        state = 'won'
        and won_date >= (select span.first_month from {{ ref('int_data_span') }} as span)

),

months as (

    select * from {{ ref('metric_average_deal_size') }}
    where period_grain = 'month' and segment_type = 'all'

)

select
    deals.deal_id,
    count(months.metric_key) as months

from deals

left join months
    on deals.won_date between months.period_start and months.period_end

group by deals.deal_id

having count(months.metric_key) <> 1
