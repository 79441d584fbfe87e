{#- finding, model that judges the rows, its flag (null: cannot be judged), name shown in the details -#}
{%- set rules = [
    ('deals_won_at_once', 'int_finding_closed_deals', 'is_won_at_once', none),
    ('deals_backdated', 'int_finding_closed_deals', 'is_backdated', none),
    ('deals_without_activity', 'int_finding_closed_deals', 'is_without_activity', none),
    ('stages_skipped', 'int_finding_closed_deals', 'is_without_stages', none),
    ('won_deals_without_client', 'int_finding_closed_deals', 'is_without_client', none),
    ('won_deals_without_amount', 'int_finding_closed_deals', 'is_without_amount', none),
    ('loss_reasons_missing', 'int_finding_closed_deals', 'is_without_loss_reason', none),
    ('deals_stuck', 'int_finding_created_deals', 'is_stuck', none),
    ('deals_duplicate', 'int_finding_created_deals', 'is_duplicate', none),
    ('leads_not_moved', 'int_finding_leads', 'is_unmoved', none),
    ('leads_duplicate', 'int_finding_leads', 'is_duplicate', none),
    ('sources_missing', 'int_finding_demand', 'is_without_source', none),
    ('channels_not_connected', 'int_finding_demand', 'is_of_unconnected_channel', none),
    ('requests_unanswered', 'int_finding_requests', 'is_unanswered', none),
    ('calls_not_connected', 'int_finding_activities', 'is_not_connected_call', none),
    ('clients_without_contact_data', 'int_finding_clients', 'is_without_contact_data', none),
    ('work_of_dismissed_employees', 'int_finding_open_work', 'is_of_dismissed_employee', none),
    ('employees_idle', 'int_finding_employees', 'is_idle', 'employee_name'),
    ('tasks_overdue', 'int_finding_tasks', 'is_overdue', none),
    ('processes_not_automated', 'int_finding_processes', 'is_not_automated', 'process_name'),
    ('pipelines_unused', 'int_finding_pipelines', 'is_unused', 'pipeline_name'),
    ('stages_unused', 'int_finding_stages', 'is_unused', 'stage_name'),
    ('raw_table_missing', 'int_finding_sources', 'is_missing_raw_table', 'source_name'),
    ('reference_data_missing', 'int_finding_sources', 'is_missing_seed', 'source_name'),
    ('baseline_missing', 'int_finding_baselines', 'is_without_baseline', 'metric_name'),
] -%}
{%- set thresholds = var('finding_thresholds') -%}

with

evidence as (

    {% for finding_code, model_name, flag, detail in rules %}
    {%- if execute and finding_code not in thresholds -%}
        {%- do exceptions.raise_compiler_error(
            'var finding_thresholds has no ' ~ finding_code ~ ': it must name every finding'
        ) -%}
    {%- endif %}
    select
        '{{ finding_code }}' as finding_code,
        {{ thresholds[finding_code] }} as threshold_pct,
        count(*) filter (where {{ flag }}) as evidence_count,
        count({{ flag }}) as evidence_base,
        {% if detail -%}
        {{ dbt.listagg(
            'case when ' ~ flag ~ ' then ' ~ detail ~ ' end',
            "', '",
            'order by ' ~ in_byte_order(detail)
        ) }} as details
        {%- else -%}
        cast(null as {{ dbt.type_string() }}) as details
        {%- endif %}

    from {{ ref(model_name) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        finding_code,
        evidence_count,
        evidence_base,
        {{ ratio('evidence_count', 'evidence_base', 100) }} as evidence_share_pct,
        cast(threshold_pct as {{ type_double() }}) as threshold_pct,
        details

    from evidence

)

select * from final
