with

channels as (

    select * from {{ ref('int_channels') }}

),

pipelines as (

    select * from {{ ref('int_pipelines') }}

),

employees as (

    select * from {{ ref('int_employees') }}
    where is_responsible

),

members as (

    select 'all' as segment_type, 'all' as segment_id, 'All' as segment_name
    union all
    select 'channel' as segment_type, channel_id as segment_id, channel_name as segment_name from channels
    union all
    select 'pipeline' as segment_type, pipeline_id as segment_id, pipeline_name as segment_name from pipelines
    union all
    select 'employee' as segment_type, employee_id as segment_id, employee_name as segment_name from employees
    {% for client_type in ['company', 'person', 'unknown'] %}
    union all
    select 'client_type' as segment_type, '{{ client_type }}' as segment_id, '{{ client_type | capitalize }}' as segment_name
    {% endfor %}
    {% for request_channel in ['call', 'email', 'form', 'chat'] %}
    union all
    select 'request_channel' as segment_type, '{{ request_channel }}' as segment_id, '{{ request_channel | capitalize }}' as segment_name
    {% endfor %}
    {% for category in ['task_creation', 'deadline_reminders', 'documents_and_invoices', 'client_mailings', 'lead_distribution', 'other'] %}
    union all
    select
        'process_category' as segment_type,
        '{{ category }}' as segment_id,
        '{{ category | replace("_", " ") | capitalize }}' as segment_name
    {% endfor %}

),

segments as (

    select
        segment_type || '|' || segment_id as segment_key,
        segment_type,
        segment_id,
        segment_name

    from members

)

select * from segments
