with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

demand_units as (

    select
        demand_units.demand_unit_id,
        demand_units.thread_id,
        demand_units.channel_id,
        demand_units.request_channel,
        demand_units.employee_id,
        demand_units.created_at,
        finding_window.has_activities

    from {{ ref('fct_demand_units') }} as demand_units

    inner join finding_window
        on demand_units.created_at >= finding_window.window_start_at

    where not demand_units.is_excluded

),

touches as (

    select distinct
        thread_id,
        kind

    from {{ ref('int_thread_activities') }}

    where is_touch

),

-- one recorded letter shows that the mailbox is connected: the channel is judged, not the lead
connected_channels as (

    select distinct
        demand_units.channel_id,
        demand_units.request_channel

    from demand_units

    inner join touches
        on
            demand_units.thread_id = touches.thread_id
            and demand_units.request_channel = touches.kind

),

final as (

    select
        demand_units.demand_unit_id,
        demand_units.channel_id,
        demand_units.request_channel,
        demand_units.employee_id,
        demand_units.created_at,
        demand_units.channel_id = 'unknown' as is_without_source,
        case
            when demand_units.request_channel is not null and demand_units.has_activities
                then connected_channels.channel_id is null
        end as is_of_unconnected_channel

    from demand_units

    left join connected_channels
        on
            demand_units.channel_id = connected_channels.channel_id
            and demand_units.request_channel = connected_channels.request_channel

)

select * from final
