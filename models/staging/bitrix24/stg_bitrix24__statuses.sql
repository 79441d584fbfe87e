with

typed_rows as (

    select * from {{ ref('base_bitrix24__statuses') }}

),

accepted as (

    select
        id as status_key,
        entity_id,
        status_id,
        name as status_name,
        category_id as pipeline_id,
        semantics as semantic,
        extra,
        sort as sort_order

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
