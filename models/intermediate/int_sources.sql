with

settings as (

    select * from {{ ref('int_run_settings') }}

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}
    where created_at < (select settings.data_end_at from settings)

),

leads as (

    select * from {{ ref('stg_bitrix24__leads') }}
    where created_at < (select settings.data_end_at from settings)

),

dictionary as (

    select * from {{ ref('stg_bitrix24__statuses') }}

),

channels as (

    select * from {{ ref('stg_reference__channels') }}

),

used_sources as (

    select source_id from deals

    union

    select source_id from leads

),

source_names as (

    select
        status_id as source_id,
        min({{ in_byte_order('status_name') }}) as source_name

    from dictionary

    where entity_id = 'SOURCE'

    group by status_id

),

sources as (

    select
        used_sources.source_id,
        -- a source that nobody mapped is a channel of its own
        coalesce(channels.channel_id, used_sources.source_id) as channel_id,
        coalesce(channels.channel_name, source_names.source_name, used_sources.source_id)
            as channel_name,
        channels.request_channel

    from used_sources

    left join channels
        on used_sources.source_id = channels.source_id

    left join source_names
        on used_sources.source_id = source_names.source_id

    where used_sources.source_id is not null

)

select * from sources
