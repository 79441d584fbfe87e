{%- set raw_tables = [
    'crm_deal',
    'crm_lead',
    'crm_contact',
    'crm_company',
    'crm_deal_stage_history',
    'crm_lead_status_history',
    'crm_activity',
    'telephony_call',
    'crm_status',
    'crm_category',
    'crm_currency',
    'users',
    'tasks',
] -%}

with

{% for table in raw_tables %}
{{ table }}_rows as (

    {{ raw_table(table) }}

),

{% endfor %}
counted as (

    {% for table in raw_tables %}
    select
        '{{ table }}' as raw_table,
        count(*) as raw_rows

    from {{ table }}_rows
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from counted
