-- Which rows are behind a finding, whose are they, and where? Edit the first lines.
{%- set finding_code = 'tasks_overdue' -%}
{%- set employee_name = '' %}

with

finding_rows as (

    select * from {{ ref('crm_finding_rows') }}
    where finding_code = '{{ finding_code }}'

),

findings as (

    select * from {{ ref('crm_findings') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}

),

listed as (

    select
        findings.name_en as finding,
        finding_rows.entity_type,
        finding_rows.entity_id,
        finding_rows.entity_name,
        employees.employee_name,
        pipelines.pipeline_name,
        finding_rows.happened_at,
        finding_rows.amount,
        finding_rows.note,
        findings.advice_en as advice

    from finding_rows

    inner join findings
        on finding_rows.finding_code = findings.finding_code

    left join employees
        on finding_rows.employee_id = employees.employee_id

    left join pipelines
        on finding_rows.pipeline_id = pipelines.pipeline_id

)

select * from listed
{% if employee_name -%}
where employee_name = '{{ employee_name }}'
{% endif -%}
order by happened_at desc nulls last, entity_type asc, entity_id asc
