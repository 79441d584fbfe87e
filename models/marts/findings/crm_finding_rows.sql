with

findings as (

    select * from {{ ref('crm_findings') }}

),

evidence_rows as (

    {% for finding_code, model_name, flag, is_named in finding_rules() %}
    select
        '{{ finding_code }}' as finding_code,
        entity_type,
        entity_id,
        {{ 'entity_name' if is_named else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
            as entity_name,
        employee_id,
        pipeline_id,
        happened_at,
        amount,
        note

    from {{ ref(model_name) }}

    where {{ flag }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        evidence_rows.finding_code
        || '|' || evidence_rows.entity_type
        || '|' || evidence_rows.entity_id as finding_row_key,
        evidence_rows.finding_code,
        evidence_rows.entity_type,
        evidence_rows.entity_id,
        evidence_rows.entity_name,
        evidence_rows.employee_id,
        evidence_rows.pipeline_id,
        evidence_rows.happened_at,
        evidence_rows.amount,
        evidence_rows.note

    from evidence_rows

    inner join findings
        on evidence_rows.finding_code = findings.finding_code

)

select * from final
