with

sources as (

    select * from {{ ref('int_sources') }}

),

costs as (

    select * from {{ ref('stg_reference__costs') }}

),

journal_deals as (

    select * from {{ ref('int_journal_deals') }}

),

mapped_channels as (

    select * from {{ ref('stg_reference__channels') }}

),

names as (

    select
        channel_id,
        channel_name
    from sources

    union all

    select
        channel_id,
        channel_name
    from mapped_channels

),

members as (

    select channel_id from sources
    union
    select channel_id from journal_deals
    union
    select channel_id from costs
    where channel_id is not null
    union
    select 'unknown' as channel_id

),

channels as (

    select
        members.channel_id,
        coalesce(
            min({{ in_byte_order('names.channel_name') }}),
            case when members.channel_id = 'unknown' then 'Unknown' end,
            members.channel_id
        ) as channel_name

    from members

    left join names
        on members.channel_id = names.channel_id

    group by members.channel_id

)

select * from channels
