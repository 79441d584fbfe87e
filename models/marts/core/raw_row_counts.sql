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

raw_counts as (

    select * from {{ ref('base_bitrix24__raw_row_counts') }}

),

fates as (

    {% for raw_table, model_name in raw_tables %}
    select
        '{{ raw_table }}' as raw_table,
        (select count(*) from {{ ref('stg_bitrix24__' ~ model_name) }}) as staged_rows,
        count(*) filter (where row_status = 'rejected') as rejected_rows,
        count(*) filter (where row_status = 'superseded') as superseded_rows

    from {{ ref('base_bitrix24__' ~ model_name) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        raw_counts.raw_table,
        raw_counts.raw_rows,
        fates.staged_rows,
        fates.rejected_rows,
        fates.superseded_rows

    from raw_counts

    inner join fates
        on raw_counts.raw_table = fates.raw_table

)

select * from final
