with

evidence as (

    select * from {{ ref('int_finding_evidence') }}

),

finding_catalog as (

    select * from {{ ref('stg_reference__finding_catalog') }}

),

final as (

    select
        evidence.finding_code,
        finding_catalog.severity,
        finding_catalog.cause,
        finding_catalog.name_en,
        finding_catalog.name_ru,
        finding_catalog.what_en as what,
        finding_catalog.what_ru,
        evidence.evidence_count,
        evidence.evidence_base,
        evidence.evidence_share_pct,
        evidence.threshold_pct,
        evidence.details,
        finding_catalog.recommended_action,
        finding_catalog.advice_en,
        finding_catalog.advice_ru

    from evidence

    inner join finding_catalog
        on evidence.finding_code = finding_catalog.finding_code

    where
        evidence.evidence_count > 0
        and evidence.evidence_share_pct > evidence.threshold_pct

)

select * from final
