{#- members that are no rows of a table -#}
{%- set fixed_members = {
    'all': ['all'],
    'client_type': ['company', 'person', 'unknown'],
    'request_channel': ['call', 'email', 'form', 'chat'],
    'process_category': [
        'task_creation',
        'deadline_reminders',
        'documents_and_invoices',
        'client_mailings',
        'lead_distribution',
        'other',
    ],
} -%}

with

metric_segments as (

    select * from {{ ref('stg_reference__metric_segments') }}

),

members as (

    select
        'channel' as segment_type,
        channel_id as segment_id,
        channel_name as segment_name
    from {{ ref('dim_channels') }}

    union all

    select
        'pipeline' as segment_type,
        pipeline_id as segment_id,
        pipeline_name as segment_name
    from {{ ref('dim_pipelines') }}
    where is_current

    union all

    select
        'employee' as segment_type,
        employee_id as segment_id,
        employee_name as segment_name
    from {{ ref('dim_employees') }}
    where is_responsible

    {% for segment_type, segment_ids in fixed_members.items() %}
    {%- for segment_id in segment_ids %}
    union all

    select
        '{{ segment_type }}' as segment_type,
        '{{ segment_id }}' as segment_id,
        '{{ segment_id | replace("_", " ") | capitalize }}' as segment_name
    {% endfor %}
    {%- endfor %}

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
