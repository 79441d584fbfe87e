-- An amount without a rate is never taken as 1 to 1 and never left out: the run stops here and
-- names it.
select
    'deal' as entity,
    original_currency as currency,
    rate_date,
    count(*) as amounts_without_rate
from {{ ref('fct_deals') }}
where amount is null
group by original_currency, rate_date

union all

select
    'cost' as entity,
    original_currency as currency,
    rate_date,
    count(*) as amounts_without_rate
from {{ ref('fct_costs') }}
where amount is null
group by original_currency, rate_date
