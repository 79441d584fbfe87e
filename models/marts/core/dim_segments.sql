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
    'cost_type': ['marketing', 'crm', 'salary', 'other'],
} -%}

with

labels as (

    select * from {{ ref('stg_reference__labels') }}
    where table_name is null

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
        coalesce(types.label_en, members.segment_type) as segment_type_en,
        coalesce(types.label_ru, members.segment_type) as segment_type_ru,
        coalesce(names.label_en, members.segment_name) as segment_name_en,
        coalesce(names.label_ru, members.segment_name) as segment_name_ru

    from members

    left join labels as types
        on
            types.column_name = 'segment_type'
            and members.segment_type = types.member

    left join labels as names
        on
            members.named_by = names.column_name
            and members.segment_id = names.member

)

select * from final
