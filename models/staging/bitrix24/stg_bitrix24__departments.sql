with

typed_rows as (

    select * from {{ ref('base_bitrix24__departments') }}

),

accepted as (

    select
        id as department_id,
        name as department_name

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
