with

source as (

    select * from {{ ref('loss_reasons') }}

),

renamed as (

    select
        trim(entity_type) || '|' || upper(trim(stage_id)) as loss_reason_key,
        cast(nullif(trim(entity_type), '') as {{ dbt.type_string() }}) as entity_type,
        cast(upper(nullif(trim(stage_id), '')) as {{ dbt.type_string() }}) as stage_id,
        cast(nullif(trim(loss_reason_id), '') as {{ dbt.type_string() }}) as loss_reason_id,
        cast(nullif(trim(loss_reason_name), '') as {{ dbt.type_string() }}) as loss_reason_name,
        cast(is_organisational as boolean) as is_organisational

    from source

)

select * from renamed
