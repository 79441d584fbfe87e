with

settings as (

    select * from {{ ref('int_run_settings') }}

),

users as (

    select * from {{ ref('stg_bitrix24__users') }}

),

departments as (

    select * from {{ ref('stg_bitrix24__departments') }}

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}
    where created_at < (select settings.data_end_at from settings)

),

leads as (

    select * from {{ ref('stg_bitrix24__leads') }}
    where created_at < (select settings.data_end_at from settings)

),

requests as (

    select * from {{ ref('int_requests') }}

),

responsible as (

    select employee_id from deals
    where employee_id is not null

    union

    select employee_id from leads
    where employee_id is not null

    union

    select employee_id from requests

    union

    select 'unknown' as employee_id

),

members as (

    select employee_id from responsible
    union
    select employee_id from users

),

final as (

    select
        members.employee_id,
        case
            when members.employee_id = 'unknown' then 'Unknown'
            else coalesce(
                nullif(
                    trim(coalesce(users.first_name, '') || ' ' || coalesce(users.last_name, '')), ''
                ),
                members.employee_id
            )
        end as employee_name,
        users.work_position,
        departments.department_name,
        users.user_type,
        users.is_active,
        responsible.employee_id is not null as is_responsible

    from members

    left join users
        on members.employee_id = users.employee_id

    left join departments
        on users.department_id = departments.department_id

    left join responsible
        on members.employee_id = responsible.employee_id

)

select * from final
