-- Hours for minutes, or a share for a percentage: a value so far from the portal's own is no measurement of
-- the same thing, and would win every comparison.
with

baselines as (

    select * from {{ ref('stg_reference__manual_baseline') }}

),

published as (

    select
        metric_values.metric_code,
        metric_catalog.unit,
        min(metric_values.value) as lowest,
        max(metric_values.value) as highest

    from {{ ref('metric_values') }} as metric_values

    inner join {{ ref('stg_reference__metric_catalog') }} as metric_catalog
        on metric_values.metric_code = metric_catalog.metric_code

    where
        metric_values.segment_type = 'all'
        and metric_values.period_grain = 'year'
        and metric_values.value_status in ('measured', 'too_early')
        and metric_values.value > 0

    group by metric_values.metric_code, metric_catalog.unit

)

select
    'manual_baseline' as seed,
    baselines.metric_code as row_key,
    'value lies further than a factor of 20 from the portal''s own: is it in ' || published.unit || '?' as problem,
    baselines.baseline_value,
    published.lowest,
    published.highest

from baselines

inner join published
    on baselines.metric_code = published.metric_code

where
    baselines.baseline_value > 0
    and (baselines.baseline_value > 20 * published.highest or 20 * baselines.baseline_value < published.lowest)
