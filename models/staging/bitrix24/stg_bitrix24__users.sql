with

typed_rows as (

    select * from {{ ref('base_bitrix24__users') }}

),

accepted as (

    select
        id as employee_id,
        name as first_name,
        last_name,
        work_position,
        uf_department as departments,
        -- [3, 5] or ["3","5"]
        nullif(translate(split_part(uf_department, ',', 1), '[]" ', ''), '') as department_id,
        user_type,
        active as is_active

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
