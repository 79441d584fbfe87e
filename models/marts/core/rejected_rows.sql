{%- set raw_tables = [
    ('crm_deal', 'deals'),
    ('crm_lead', 'leads'),
    ('crm_contact', 'contacts'),
    ('crm_company', 'companies'),
    ('crm_deal_stage_history', 'deal_stage_history'),
    ('crm_lead_status_history', 'lead_status_history'),
    ('crm_activity', 'activities'),
    ('telephony_call', 'calls'),
    ('crm_status', 'statuses'),
    ('crm_category', 'pipelines'),
    ('crm_currency', 'currencies'),
    ('users', 'users'),
    ('tasks', 'tasks'),
] -%}

with

rejected as (

    {% for raw_table, model_name in raw_tables %}
    select
        '{{ raw_table }}' as raw_table,
        '{{ raw_table }}|' || raw_row_key as rejected_row_key,
        rejected_id as row_id,
        rejection_reason as reason,
        raw_row

    from {{ ref('base_bitrix24__' ~ model_name) }}

    where row_status = 'rejected'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from rejected
