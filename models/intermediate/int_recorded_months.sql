with

activities as (

    select * from {{ ref('int_thread_activities') }}

),

months as (

    select distinct
        cast({{ dbt.date_trunc('month', 'happened_date') }} as date) as month_start

    from activities

)

select * from months
