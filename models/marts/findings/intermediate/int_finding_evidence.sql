{%- set thresholds = var('finding_thresholds') -%}

with

evidence as (

    {% for finding_code, model_name, flag, is_named in finding_rules() %}
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
        {% if is_named -%}
        {{ dbt.listagg(
            'case when ' ~ flag ~ ' then entity_name end',
            "', '",
            'order by ' ~ in_byte_order('entity_name')
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
