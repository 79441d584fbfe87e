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

-- a code is one whatever its case, and spelled as the dictionary has it
source_names as (

    select
        upper(status_id) as source_key,
        min({{ in_byte_order('status_id') }}) as source_id,
        min({{ in_byte_order('status_name') }}) as source_name

    from dictionary

    where entity_id = 'SOURCE'

    group by upper(status_id)

),

spellings as (

    select
        source_id,
        upper(source_id) as source_key,
        min({{ in_byte_order('source_id') }}) over (partition by upper(source_id)) as first_spelling

    from used_sources

    where source_id is not null

),

sources as (

    select
        spellings.source_id,
        -- a source that nobody mapped is a channel of its own
        coalesce(channels.channel_id, source_names.source_id, spellings.first_spelling)
            as channel_id,
        coalesce(channels.channel_name, source_names.source_name, spellings.first_spelling)
            as channel_name,
        channels.request_channel

    from spellings

    left join channels
        on spellings.source_key = upper(channels.source_id)

    left join source_names
        on spellings.source_key = source_names.source_key

)

select * from sources
