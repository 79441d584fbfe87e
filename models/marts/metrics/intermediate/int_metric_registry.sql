with

metric_segments as (

    select
        metric_code,
        segment_type
    from {{ ref('stg_reference__metric_segments') }}

    {% for metric_code in ['conversion', 'sales_cycle', 'average_deal_size', 'lost_sales'] %}
    {%- for segment_type in custom_segment_types(metric_code) %}
    union all

    select
        '{{ metric_code }}' as metric_code,
        '{{ segment_type }}' as segment_type
    {% endfor %}
    {%- endfor %}

),

members as (

    select * from {{ ref('dim_segments') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

-- a cost outside of the calendar is none that a period could bear
cost_count as (

    select count(*) as costs

    from {{ ref('stg_reference__costs') }} as costs

    inner join {{ ref('int_data_span') }} as span
        on
            costs.date_from <= span.last_date
            and costs.date_to >= span.first_month

),

process_count as (

    select count(*) as processes from {{ ref('dim_processes') }}

),

registry as (

    select
        metric_segments.metric_code
        || '|' || periods.period_key
        || '|' || members.segment_type || '|' || members.segment_id as metric_key,
        metric_segments.metric_code,
        periods.period_key || '|' || members.segment_type || '|' || members.segment_id as cell_key,
        periods.period_key,
        periods.period_grain,
        periods.period_start,
        periods.period_end,
        periods.is_complete,
        members.segment_type,
        members.segment_id,
        members.segment_name,
        case metric_segments.metric_code
            when 'response_time' then not settings.has_activities
            when 'cac' then cost_count.costs = 0
            when 'automation_level' then process_count.processes = 0
            else false
        end as is_source_missing

    from metric_segments

    inner join members
        on metric_segments.segment_type = members.segment_type

    cross join periods
    cross join settings
    cross join cost_count
    cross join process_count

)

select * from registry
