with

settings as (

    select * from {{ ref('int_run_settings') }}

),

calls as (

    select * from {{ ref('stg_bitrix24__calls') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

final as (

    select
        calls.call_id,
        calls.activity_id,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        calls.call_type,
        calls.result_code,
        calls.duration_seconds,
        calls.started_at,
        cast({{ to_local('calls.started_at') }} as date) as started_date,
        {{ local_hour('calls.started_at') }} as started_hour

    from calls

    inner join settings
        on calls.started_at < settings.data_end_at

    left join employees
        on calls.employee_id = employees.employee_id

)

select * from final
