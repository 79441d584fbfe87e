with

channels as (

    select
        channel_id,
        channel_name

    from {{ ref('int_channels') }}

)

select * from channels
