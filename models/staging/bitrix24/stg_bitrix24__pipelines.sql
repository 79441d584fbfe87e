with

typed_rows as (

    select * from {{ ref('base_bitrix24__pipelines') }}

),

accepted as (

    select
        id as pipeline_id,
        name as pipeline_name,
        sort as sort_order,
        is_default

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
