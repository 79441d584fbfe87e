-- Registry first: every expected cell is published once, and nothing else is.
select
    registry.metric_key as expected_key,
    metric_values.metric_key as published_key

from {{ ref('int_metric_registry') }} as registry

full outer join {{ ref('metric_values') }} as metric_values
    on registry.metric_key = metric_values.metric_key

where registry.metric_key is null or metric_values.metric_key is null
