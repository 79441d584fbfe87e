-- A channel with two names would be two bars in a chart, and one that is named as the metrics name
-- the whole or the rest would be added to them.
with

channels as (

    select * from {{ ref('stg_reference__channels') }}

),

problems as (

    select
        channel_id as row_key,
        'the channel has several names: '
        || min(channel_name) || ', ' || max(channel_name) as problem

    from channels

    group by channel_id

    having min(channel_name) <> max(channel_name)

    union all

    select
        upper(source_id) as row_key,
        'the source is mapped twice, as ' || min(source_id) || ' and as ' || max(source_id)
            as problem

    from channels

    group by upper(source_id)

    having min(source_id) <> max(source_id)

    union all

    select
        source_id as row_key,
        'the channel id ' || channel_id || ' is taken by the metrics' as problem

    from channels

    where channel_id in ('all', 'unknown')

)

select
    'channels' as seed,
    row_key,
    problem

from problems
