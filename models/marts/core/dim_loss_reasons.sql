with

loss_reasons as (

    select * from {{ ref('stg_reference__loss_reasons') }}

),

members as (

    select
        loss_reason_id,
        loss_reason_name

    from loss_reasons

    union all

    select
        'unknown' as loss_reason_id,
        cast(null as {{ dbt.type_string() }}) as loss_reason_name

),

final as (

    select
        loss_reason_id,
        coalesce(
            min({{ in_byte_order('loss_reason_name') }}),
            case when loss_reason_id = 'unknown' then 'Unknown' end,
            loss_reason_id
        ) as loss_reason_name

    from members

    group by loss_reason_id

)

select * from final
