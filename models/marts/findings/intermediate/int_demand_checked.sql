with

settings as (

    select * from {{ ref('int_run_settings') }}

),

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

demand_units as (

    select * from {{ ref('fct_demand_units') }}
    where not is_excluded

),

touches as (

    select * from {{ ref('int_thread_activities') }}
    where is_touch

),

kinds_by_thread as (

    select distinct
        thread_id,
        kind

    from touches

),

units_in_window as (

    select
        demand_units.demand_unit_id,
        demand_units.thread_id,
        demand_units.channel_id,
        demand_units.request_channel,
        demand_units.employee_id,
        demand_units.created_at,
        finding_window.has_activities

    from demand_units

    inner join finding_window
        on demand_units.created_at >= finding_window.window_start_at

),

-- one recorded letter shows that the mailbox is connected: the channel is judged, not the lead
connected_channels as (

    select distinct
        units_in_window.channel_id,
        units_in_window.request_channel

    from units_in_window

    inner join kinds_by_thread
        on
            units_in_window.thread_id = kinds_by_thread.thread_id
            and units_in_window.request_channel = kinds_by_thread.kind

),

final as (

    select
        settings.demand_entity as entity_type,
        replace(units_in_window.demand_unit_id, settings.demand_entity || '_', '') as entity_id,
        units_in_window.employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        units_in_window.created_at as happened_at,
        cast(null as numeric(28, 6)) as amount,
        units_in_window.channel_id || coalesce(', ' || units_in_window.request_channel, '') as note,
        units_in_window.channel_id = 'unknown' as is_without_source,
        case
            when units_in_window.request_channel is not null and units_in_window.has_activities
                then connected_channels.channel_id is null
        end as is_of_unconnected_channel

    from units_in_window

    cross join settings

    left join connected_channels
        on
            units_in_window.channel_id = connected_channels.channel_id
            and units_in_window.request_channel = connected_channels.request_channel

)

select * from final
