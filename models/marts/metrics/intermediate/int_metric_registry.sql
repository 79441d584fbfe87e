with

metric_segments as (

    select * from {{ ref('stg_reference__metric_segments') }}

),

segments as (

    select * from {{ ref('int_segments') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

cost_count as (

    select count(*) as costs from {{ ref('fct_costs') }}

),

process_count as (

    select count(*) as processes from {{ ref('dim_processes') }}

),

registry as (

    select
        metric_segments.metric_code
        || '|' || periods.period_key
        || '|' || segments.segment_key as metric_key,
        metric_segments.metric_code,
        periods.period_key || '|' || segments.segment_key as cell_key,
        periods.period_key,
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        segments.segment_type,
        segments.segment_id,
        segments.segment_name,
        case metric_segments.metric_code
            when 'response_time' then not settings.has_activities
            when 'cac' then cost_count.costs = 0
            when 'automation_level' then process_count.processes = 0
            else false
        end as is_source_missing

    from metric_segments

    inner join segments
        on metric_segments.segment_type = segments.segment_type

    cross join periods
    cross join settings
    cross join cost_count
    cross join process_count

)

select * from registry
