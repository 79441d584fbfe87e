-- The published figure is the formula of its source, and 0 where all demand was fulfilled or
-- nothing was lost for organisational reasons.
select
    metric_key,
    unit_price,
    demand,
    fulfilled,
    unit_fulfillment_rate,
    lost_for_organisational_reasons,
    shortfall_factor,
    lost_sales
from {{ ref('metric_lost_sales') }}
where
    abs(lost_sales - unit_price * demand * (1 - unit_fulfillment_rate) * shortfall_factor)
    > 0.000001 * abs(lost_sales)
    or (fulfilled = demand and lost_sales <> 0)
    or (lost_for_organisational_reasons = 0 and lost_sales <> 0)
    or fulfilled + lost_for_organisational_reasons > demand
