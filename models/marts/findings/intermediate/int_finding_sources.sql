{#- crm_currency is not here: where it is needed and absent, the run stops -#}
{%- set raw_tables = [
    ('crm_activity', 'response time, lost sales'),
    ('crm_category', 'names of pipelines'),
    ('crm_company', 'contact data of companies'),
    ('crm_contact', 'company of a client known by a person'),
    ('crm_deal_stage_history', 'time in stages, time of winning and losing'),
    ('crm_lead', 'conversion, lost sales'),
    ('crm_lead_status_history', 'leads that nobody moves'),
    ('tasks', 'tasks in time'),
    ('telephony_call', 'outcome of calls'),
    ('users', 'names of employees, robots'),
] -%}
{%- set seeds = [
    ('business_processes', 'automation level'),
    ('channels', 'channels of sources, requests by form'),
    ('costs', 'cost of acquiring a client, return on the CRM'),
    ('loss_reasons', 'reasons of losses, lost sales'),
] -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

raw_counts as (

    select * from {{ ref('raw_row_counts') }}

),

needs as (

    {% for raw_table, needed_for in raw_tables %}
    select
        '{{ raw_table }}' as source_name,
        '{{ needed_for }}' as needed_for
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

raw_tables as (

    select
        needs.source_name,
        'raw_table' as source_kind,
        needs.needed_for,
        raw_counts.raw_rows as source_rows

    from needs

    inner join raw_counts
        on needs.source_name = raw_counts.raw_table

    cross join settings

    -- a portal in simple CRM mode has no leads, and misses nothing
    where needs.source_name not like 'crm_lead%' or settings.demand_entity = 'lead'

),

seeds as (

    {% for seed, needed_for in seeds %}
    select
        '{{ seed }}' as source_name,
        'seed' as source_kind,
        '{{ needed_for }}' as needed_for,
        count(*) as source_rows

    from {{ ref('stg_reference__' ~ seed) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

all_sources as (

    select * from raw_tables
    union all
    select * from seeds

),

final as (

    select
        source_name,
        source_kind,
        needed_for,
        source_rows,
        case when source_kind = 'raw_table' then source_rows = 0 end as is_missing_raw_table,
        case when source_kind = 'seed' then source_rows = 0 end as is_missing_seed

    from all_sources

)

select * from final
