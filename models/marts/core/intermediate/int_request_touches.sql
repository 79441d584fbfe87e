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

)

select * from touches
