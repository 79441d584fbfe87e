with

typed_rows as (

    select * from {{ ref('base_bitrix24__companies') }}

),

accepted as (

    select
        id as company_id,
        assigned_by_id as employee_id,
        has_phone,
        has_email,
        date_create as created_at,
        date_modify as modified_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
