{%- set segment_types = ['process_category'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'automation_level'

),

periods as (

    select * from {{ ref('int_periods') }}

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

processes as (

    select * from {{ ref('dim_processes') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

processes_by_segment as (

    select
        {{ cell_key('periods.period_key', segment_types) }} as cell_key,
        count(*) as total_processes,
        count(*) filter (
            where
            processes.automated_from <= periods.cutoff_date
            and coalesce(processes.automated_to >= periods.cutoff_date, true)
        ) as automated_processes

    from periods

    inner join processes
        on
            coalesce(periods.cutoff_date >= processes.exists_from, true)
            and coalesce(periods.cutoff_date <= processes.exists_to, true)

    group by {{ segment_sets('periods.period_key', segment_types) }}

),

mailings as (

    select
        happened_date,
        'client_mailings' as process_category,
        is_by_person

    from activities

    where is_mailing

),

-- of all categories, only letters and messages show whether a robot or a person sent them
events_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as total_events,
        count(*) filter (where not mailings.is_by_person) as automated_events

    from mailings

    inner join period_days
        on mailings.happened_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

counts as (

    select
        registry.*,
        coalesce(processes_by_segment.total_processes, 0) as total_processes,
        coalesce(processes_by_segment.automated_processes, 0) as automated_processes,
        case
            when settings.has_activities and registry.segment_id in ('all', 'client_mailings')
                then coalesce(events_by_segment.total_events, 0)
        end as total_events,
        case
            when settings.has_activities and registry.segment_id in ('all', 'client_mailings')
                then coalesce(events_by_segment.automated_events, 0)
        end as automated_events

    from registry

    cross join settings

    left join processes_by_segment
        on registry.cell_key = processes_by_segment.cell_key

    left join events_by_segment
        on registry.cell_key = events_by_segment.cell_key

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            ratio('registry.automated_processes', 'registry.total_processes'),
            'registry.is_source_missing'
        ) }} as value_status,
        registry.total_processes,
        registry.automated_processes,
        {{ ratio('registry.automated_processes', 'registry.total_processes', 100) }}
            as automation_level_pct,
        registry.total_events,
        registry.automated_events,
        {{ ratio('registry.automated_events', 'registry.total_events', 100) }}
            as automated_events_pct

    from counts as registry

)

select * from final
