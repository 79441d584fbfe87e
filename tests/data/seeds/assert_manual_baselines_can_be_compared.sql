-- A baseline goes straight into the comparison of before and after: what cannot be a measurement
-- must not get there.
with

manual_baseline as (

    select * from {{ ref('stg_reference__manual_baseline') }}

),

problems as (

    select
        metric_code as row_key,
        'period_end lies before period_start' as problem

    from manual_baseline

    where period_end < period_start

    union all

    select
        metric_code as row_key,
        'sample_size must be above zero' as problem

    from manual_baseline

    where sample_size <= 0

    union all

    select
        metric_code as row_key,
        'std_dev must not be negative' as problem

    from manual_baseline

    where std_dev < 0

)

select
    'manual_baseline' as seed,
    row_key,
    problem

from problems
