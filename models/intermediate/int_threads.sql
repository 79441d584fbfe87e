with

activities as (

    select * from {{ ref('int_thread_activities') }}

),

threads as (

    select
        thread_id,
        min(happened_at) filter (where is_touch) as first_touch_at,
        min(happened_at) filter (where is_touch or is_directed) as first_contact_at,
        count(*) filter (where is_response) > 0 as has_response,
        count(*) filter (where is_response or is_response_unknown) > 0 as may_have_response

    from activities

    group by thread_id

)

select * from threads
