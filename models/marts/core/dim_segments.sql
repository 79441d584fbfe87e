{#- members that are no rows of a table -#}
{%- set fixed_members = {
    'all': ['all'],
    'client_type': ['company', 'person', 'unknown'],
    'client_history': ['new', 'returning'],
    'request_channel': ['call', 'email', 'form', 'chat'],
    'process_category': [
        'task_creation',
        'deadline_reminders',
        'documents_and_invoices',
        'client_mailings',
        'lead_distribution',
        'other',
    ],
    'cost_type': ['marketing', 'crm', 'salary', 'other'],
} -%}

with

labels as (

    select * from {{ ref('stg_reference__labels') }}
    where table_name is null

),

custom_members as (

    select
        segment_type,
        segment_id
    from {{ ref('fct_custom_segments') }}

    {% for name in custom_segment_types() %}
    union

    select
        '{{ name }}' as segment_type,
        'unknown' as segment_id
    {% endfor %}

),

members as (

    select
        'channel' as segment_type,
        channel_id as segment_id,
        channel_name as segment_name,
        'channel_id' as named_by
    from {{ ref('dim_channels') }}

    union all

    select
        'pipeline' as segment_type,
        pipeline_id as segment_id,
        pipeline_name as segment_name,
        'pipeline_id' as named_by
    from {{ ref('dim_pipelines') }}
    where is_current

    union all

    select
        'employee' as segment_type,
        employee_id as segment_id,
        employee_name as segment_name,
        'employee_id' as named_by
    from {{ ref('dim_employees') }}
    where is_responsible

    union all

    select
        segment_type,
        segment_id,
        case when segment_id = 'unknown' then 'Unknown' else segment_id end as segment_name,
        case when segment_id = 'unknown' then 'segment_id' else segment_type end as named_by
    from custom_members

    {% for segment_type, segment_ids in fixed_members.items() %}
    {%- for segment_id in segment_ids %}
    union all

    select
        '{{ segment_type }}' as segment_type,
        '{{ segment_id }}' as segment_id,
        '{{ segment_id | replace("_", " ") | capitalize }}' as segment_name,
        '{{ 'segment_id' if segment_type == 'all' else segment_type }}' as named_by
    {% endfor %}
    {%- endfor %}

),

final as (

    select
        members.segment_type || '|' || members.segment_id as segment_key,
        members.segment_type,
        members.segment_id,
        members.segment_name,
        coalesce(type_labels.label_en, members.segment_type) as segment_type_en,
        coalesce(type_labels.label_ru, members.segment_type) as segment_type_ru,
        coalesce(name_labels.label_en, members.segment_name) as segment_name_en,
        coalesce(name_labels.label_ru, members.segment_name) as segment_name_ru

    from members

    left join labels as type_labels
        on
            type_labels.column_name = 'segment_type'
            and members.segment_type = type_labels.member

    left join labels as name_labels
        on
            members.named_by = name_labels.column_name
            and members.segment_id = name_labels.member

)

select * from final
