with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

activities as (

    select * from {{ ref('stg_bitrix24__activities') }}

),

users as (

    select * from {{ ref('stg_bitrix24__users') }}

),

connected_calls as (

    select distinct activity_id

    from {{ ref('stg_bitrix24__calls') }}

    where activity_id is not null

),

final as (

    select
        activities.activity_id,
        activities.owner_type_id,
        activities.owner_id,
        coalesce(activities.author_id, activities.responsible_id, 'unknown') as employee_id,
        activities.created_at,
        coalesce(activities.direction, '0') = '1' as is_incoming,
        coalesce(activities.author_id, '') <> '0' and coalesce(users.user_type, '') <> 'bot' as is_by_person,
        case
            when activities.activity_type = '2' and activities.created_at >= finding_window.window_start_at
                then connected_calls.activity_id is null
        end as is_not_connected_call

    from activities

    inner join finding_window
        on activities.created_at < finding_window.data_end_at

    left join users
        on coalesce(activities.author_id, activities.responsible_id) = users.employee_id

    left join connected_calls
        on activities.activity_id = connected_calls.activity_id

)

select * from final
