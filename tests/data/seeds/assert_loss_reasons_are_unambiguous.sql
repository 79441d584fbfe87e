-- A reason with two names would be two reasons in a chart, and `all` and `unknown` are rows that
-- loss_by_stage makes itself.
with

loss_reasons as (

    select * from {{ ref('stg_reference__loss_reasons') }}

),

problems as (

    select
        loss_reason_id as row_key,
        'the reason has several names: '
        || min(loss_reason_name) || ', ' || max(loss_reason_name) as problem

    from loss_reasons

    group by loss_reason_id

    having min(loss_reason_name) <> max(loss_reason_name)

    union all

    select
        loss_reason_key as row_key,
        'the reason id ' || loss_reason_id || ' is taken by the metrics' as problem

    from loss_reasons

    where loss_reason_id in ('all', 'unknown')

)

select
    'loss_reasons' as seed,
    row_key,
    problem

from problems
