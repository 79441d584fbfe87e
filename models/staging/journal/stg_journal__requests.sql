with

typed_rows as (

    select * from {{ ref('base_journal__requests') }}

),

accepted as (

    select
        request_no,
        request_channel,
        requested_at,
        answered_at,
        employee as employee_name

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
