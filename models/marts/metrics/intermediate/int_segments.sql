{%- set fixed_members = [
    ('all', 'all'),
    ('client_type', 'company'),
    ('client_type', 'person'),
    ('client_type', 'unknown'),
    ('request_channel', 'call'),
    ('request_channel', 'email'),
    ('request_channel', 'form'),
    ('request_channel', 'chat'),
    ('process_category', 'task_creation'),
    ('process_category', 'deadline_reminders'),
    ('process_category', 'documents_and_invoices'),
    ('process_category', 'client_mailings'),
    ('process_category', 'lead_distribution'),
    ('process_category', 'other'),
] -%}

with

channels as (

    select * from {{ ref('dim_channels') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}
    where is_current

),

employees as (

    select * from {{ ref('dim_employees') }}
    where is_responsible

),

members as (

    {% for segment_type, id_column, name_column, relation in [
        ('channel', 'channel_id', 'channel_name', 'channels'),
        ('pipeline', 'pipeline_id', 'pipeline_name', 'pipelines'),
        ('employee', 'employee_id', 'employee_name', 'employees'),
    ] %}
    select
        '{{ segment_type }}' as segment_type,
        {{ id_column }} as segment_id,
        {{ name_column }} as segment_name
    from {{ relation }}
    union all
    {% endfor %}
    {% for segment_type, segment_id in fixed_members %}
    select
        '{{ segment_type }}' as segment_type,
        '{{ segment_id }}' as segment_id,
        '{{ segment_id | replace("_", " ") | capitalize }}' as segment_name
    {% if not loop.last %}union all{% endif %}
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
