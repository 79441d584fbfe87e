with

touches as (

    select * from {{ ref('int_request_touches') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

),

working_times as (

    select * from {{ ref('int_request_working_times') }}

),

responders as (

    select
        thread_id,
        happened_at,
        actor_id,
        row_number() over (
            partition by thread_id, happened_at
            order by cast(activity_id as bigint)
        ) as response_number

    from activities

    where is_response

),

first_deals as (

    select
        thread_id,
        channel_id,
        row_number() over (
            partition by thread_id
            order by created_at, cast(deal_id as bigint)
        ) as deal_number

    from deals

),

requests as (

    select
        touches.event_id as request_id,
        touches.thread_id,
        touches.request_channel,
        coalesce(
            nullif(leads.channel_id, 'unknown'),
            first_deals.channel_id,
            clients.channel_id,
            'unknown'
        ) as channel_id,
        coalesce(responders.actor_id, touches.employee_id) as employee_id,
        touches.happened_at as requested_at,
        cast({{ to_local('touches.happened_at') }} as date) as requested_date,
        touches.responded_at,
        cast({{ microseconds_between('touches.happened_at', 'touches.responded_at') }} as bigint)
            as response_microseconds,
        working_times.response_working_microseconds,
        working_times.age_working_microseconds

    from touches

    inner join working_times
        on touches.event_id = working_times.request_id

    left join responders
        on
            touches.thread_id = responders.thread_id
            and touches.responded_at = responders.happened_at
            and responders.response_number = 1

    left join leads
        on touches.thread_id = leads.thread_id

    left join first_deals
        on
            touches.thread_id = first_deals.thread_id
            and first_deals.deal_number = 1

    left join clients
        on touches.thread_id = 'client_' || clients.client_id

    where touches.touch_number = 1

),

final as (

    select
        request_id,
        thread_id,
        request_channel,
        channel_id,
        employee_id,
        requested_at,
        requested_date,
        responded_at,
        cast(response_microseconds as {{ type_double() }}) / 60000000 as response_minutes,
        cast(response_working_microseconds as {{ type_double() }}) / 60000000 as response_working_minutes,
        response_microseconds,
        response_working_microseconds,
        age_working_microseconds

    from requests

)

select * from final
