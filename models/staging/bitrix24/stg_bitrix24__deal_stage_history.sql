with

typed_rows as (

    select * from {{ ref('base_bitrix24__deal_stage_history') }}

),

accepted as (

    select
        id as change_id,
        owner_id as deal_id,
        type_id as change_type,
        category_id as pipeline_id,
        stage_id,
        stage_semantic_id as semantic,
        created_time as changed_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
