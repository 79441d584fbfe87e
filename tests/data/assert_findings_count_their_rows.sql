-- What a finding says is what a person can open: each row counted as evidence is listed, and no
-- other.
select
    findings.finding_code,
    min(findings.evidence_count) as evidence_count,
    count(finding_rows.finding_row_key) as listed_rows
from {{ ref('crm_findings') }} as findings
left join {{ ref('crm_finding_rows') }} as finding_rows
    on findings.finding_code = finding_rows.finding_code
group by findings.finding_code
having min(findings.evidence_count) <> count(finding_rows.finding_row_key)
