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

union all

-- a CRM is paid for before the first day of the data, which the facts begin with
select
    'cost of the CRM' as entity,
    coalesce(costs.currency, run_settings.base_currency) as currency,
    costs.date_from as rate_date,
    count(*) as amounts_without_rate
from {{ ref('stg_reference__costs') }} as costs
cross join {{ ref('int_run_settings') }} as run_settings
left join {{ ref('int_exchange_rates') }} as rates
    on
        coalesce(costs.currency, run_settings.base_currency) = rates.currency
        and costs.date_from >= rates.valid_from
        and costs.date_from < rates.valid_before
where costs.cost_type = 'crm' and rates.currency is null
group by coalesce(costs.currency, run_settings.base_currency), costs.date_from
