-- A cost with its days the wrong way round is spread over no day at all, and one on a channel that
-- nobody knows (a typo) raises the cost of a channel that has no clients.
with

costs as (

    select * from {{ ref('stg_reference__costs') }}

),

-- a source without a row in the seed is a channel under its own id
known_channels as (

    select channel_id from {{ ref('stg_reference__channels') }}

    union

    select source_id as channel_id from {{ ref('stg_bitrix24__leads') }}

    union

    select source_id as channel_id from {{ ref('stg_bitrix24__deals') }}

),

problems as (

    select
        cost_id as row_key,
        'date_to ' || cast(date_to as {{ dbt.type_string() }})
        || ' lies before date_from ' || cast(date_from as {{ dbt.type_string() }}) as problem

    from costs

    where date_to < date_from

    union all

    select
        costs.cost_id as row_key,
        'no such channel: ' || costs.channel_id as problem

    from costs

    left join known_channels
        on costs.channel_id = known_channels.channel_id

    where costs.channel_id is not null and known_channels.channel_id is null

    union all

    select
        cost_id as row_key,
        'not an ISO code of a currency: ' || currency as problem

    from costs

    where length(currency) <> 3

)

select
    'costs' as seed,
    row_key,
    problem

from problems
