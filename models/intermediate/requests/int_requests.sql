with

settings as (

    select * from {{ ref('int_run_settings') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

threads as (

    select * from {{ ref('int_threads') }}

),

demand_units as (

    select * from {{ ref('int_demand_units') }}

),

leads as (

    select * from {{ ref('int_leads') }}

),

deals as (

    select * from {{ ref('int_deals') }}

),

clients as (

    select * from {{ ref('int_clients') }}

),

created_units as (

    select
        demand_units.demand_unit_id,
        demand_units.thread_id,
        demand_units.request_channel,
        demand_units.employee_id,
        demand_units.created_at

    from demand_units

    inner join settings
        on settings.has_activities

    left join threads
        on demand_units.thread_id = threads.thread_id

    where
        demand_units.request_channel is not null
        and not demand_units.is_excluded
        -- an earlier call or letter in the thread made this lead: it is the touch, not the lead
        and (threads.first_touch_at is null or threads.first_touch_at > demand_units.created_at)

),

events as (

    select
        'activity_' || activity_id as event_id,
        thread_id,
        happened_at,
        is_touch,
        is_response,
        kind as request_channel,
        responsible_id as employee_id,
        0 as tie_order,
        cast(activity_id as bigint) as tie_id

    from activities

    where is_touch or is_response

    union all

    select
        demand_unit_id as event_id,
        thread_id,
        created_at as happened_at,
        true as is_touch,
        false as is_response,
        request_channel,
        employee_id,
        1 as tie_order,
        cast(split_part(demand_unit_id, '_', 2) as bigint) as tie_id

    from created_units

),

with_response as (

    select
        *,
        min(case when is_response then happened_at end) over (
            partition by thread_id
            order by happened_at
            range between current row and unbounded following
        ) as responded_at

    from events

),

-- touches that wait for the same response are one request; the first of them began it
touches as (

    select
        event_id,
        thread_id,
        request_channel,
        employee_id,
        happened_at,
        responded_at,
        row_number() over (
            partition by thread_id, responded_at
            order by happened_at, tie_order, tie_id
        ) as touch_number

    from with_response

    where is_touch

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
        {{ microseconds_between('touches.happened_at', 'touches.responded_at') }} as response_microseconds

    from touches

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

)

select * from requests
