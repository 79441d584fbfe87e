{%- set raw_tables = [
    ('crm_deal', 'deals', 'id'),
    ('crm_lead', 'leads', 'id'),
    ('crm_contact', 'contacts', 'id'),
    ('crm_company', 'companies', 'id'),
    ('crm_deal_stage_history', 'deal_stage_history', 'id'),
    ('crm_lead_status_history', 'lead_status_history', 'id'),
    ('crm_activity', 'activities', 'id'),
    ('telephony_call', 'calls', 'id'),
    ('crm_status', 'statuses', 'id'),
    ('crm_category', 'pipelines', 'id'),
    ('crm_currency', 'currencies', 'currency'),
    ('users', 'users', 'id'),
    ('tasks', 'tasks', 'id'),
] -%}

with

rejected as (

    {% for raw_table, model_name, key in raw_tables %}
    select
        '{{ raw_table }}' as raw_table,
        {{ key }} as row_id,
        rejection_reason as reason,
        raw_row

    from {{ ref('base_bitrix24__' ~ model_name) }}

    where row_status = 'rejected'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        raw_table || '|' || coalesce(row_id, '') || '|' || cast(
            row_number() over (partition by raw_table, row_id order by reason, raw_row) as {{ dbt.type_string() }}
        ) as rejected_row_key,
        raw_table,
        row_id,
        reason,
        raw_row

    from rejected

)

select * from final
