{#- crm_currency is not here: where it is needed and absent, the run stops -#}
{%- set needs_of_raw_tables = {
    'crm_activity': 'response time, lost sales',
    'crm_category': 'names of pipelines',
    'crm_company': 'contact data of companies',
    'crm_contact': 'company of a client known by a person',
    'crm_deal_stage_history': 'time in stages, time of winning and losing',
    'crm_lead': 'conversion, lost sales',
    'crm_lead_status_history': 'leads that nobody moves',
    'openline_message': 'times of answers in chats',
    'tasks': 'tasks in time',
    'telephony_call': 'outcome of calls',
    'users': 'names of employees, robots',
} -%}
{%- set needs_of_seeds = {
    'business_processes': 'automation level',
    'channels': 'channels of sources, requests by form',
    'costs': 'cost of acquiring a client, return on the CRM',
    'loss_reasons': 'reasons of losses, lost sales',
} -%}
{%- set go_live = date_var('crm_go_live_date') -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

pipelines as (

    select * from {{ ref('dim_pipelines') }}
    where is_current and pipeline_id <> 'journal'

),

stages as (

    select * from {{ ref('dim_stages') }}
    where semantic = 'P'

),

stage_visits as (

    select * from {{ ref('fct_stage_visits') }}

),

processes as (

    select * from {{ ref('dim_processes') }}

),

raw_row_counts as (

    select * from {{ ref('raw_row_counts') }}

),

chat_count as (

    -- of which nobody can say when they were answered, or whether
    select count(*) as chats from {{ ref('int_thread_activities') }}
    where is_response_untimed or is_response_unknown

),

metrics as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

complete_months as (

    select * from {{ ref('int_periods') }}
    where period_grain = 'month' and is_complete

),

-- a pipeline is used when a deal is created or moved in it
all_uses as (

    select
        pipeline_id,
        created_at as used_at
    from {{ ref('fct_deals') }}

    union all

    select
        pipeline_id,
        changed_at as used_at
    from {{ ref('int_stage_changes') }}
    where entity_type = 'deal'

),

pipeline_uses as (

    select
        pipeline_id,
        max(used_at) as last_used_at

    from all_uses

    group by pipeline_id

),

stage_uses as (

    select
        stage_visits.stage_id,
        -- least() passes over a null, so a stay that lasts was used up to as_of
        max(least(stage_visits.left_at, finding_window.as_of_at)) as last_used_at

    from stage_visits

    cross join finding_window

    group by stage_visits.stage_id

),

visit_count as (

    select count(*) as visits from stage_visits

),

goals as (

    select count(*) as goal_rows from {{ ref('stg_reference__goals') }}

),

measured_by_hand as (

    select distinct metric_code from {{ ref('stg_reference__manual_baseline') }}

),

months_before as (

    select count(*) as months from complete_months
    where period_end < {{ go_live }}

),

checked_pipelines as (

    select
        'pipeline' as entity_type,
        pipelines.pipeline_id as entity_id,
        pipelines.pipeline_name as entity_name,
        pipelines.pipeline_id,
        pipeline_uses.last_used_at as happened_at,
        cast(null as {{ dbt.type_string() }}) as note,
        coalesce(pipeline_uses.last_used_at < finding_window.window_start_at, true) as is_wrong

    from pipelines

    inner join finding_window
        on finding_window.window_start_at is not null

    left join pipeline_uses
        on pipelines.pipeline_id = pipeline_uses.pipeline_id

),

checked_stages as (

    select
        'stage' as entity_type,
        stages.stage_id as entity_id,
        stages.stage_name as entity_name,
        stages.pipeline_id,
        stage_uses.last_used_at as happened_at,
        cast(null as {{ dbt.type_string() }}) as note,
        case
            when visit_count.visits > 0
                then coalesce(stage_uses.last_used_at < finding_window.window_start_at, true)
        end as is_wrong

    from stages

    inner join checked_pipelines
        on
            stages.pipeline_id = checked_pipelines.pipeline_id
            and not checked_pipelines.is_wrong

    cross join finding_window
    cross join visit_count

    left join stage_uses
        on stages.stage_id = stage_uses.stage_id

),

checked_processes as (

    select
        'process' as entity_type,
        processes.process_id as entity_id,
        processes.process_name as entity_name,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        cast(null as timestamp) as happened_at,
        processes.process_category as note,
        not coalesce(
            processes.automated_from <= finding_window.as_of_date
            and coalesce(processes.automated_to >= finding_window.as_of_date, true),
            false
        ) as is_wrong

    from processes

    inner join finding_window
        on
            coalesce(processes.exists_from <= finding_window.as_of_date, true)
            and coalesce(processes.exists_to >= finding_window.as_of_date, true)

    where finding_window.as_of_date is not null

),

checked_raw_tables as (

    select
        'raw_table' as entity_type,
        raw_row_counts.raw_table as entity_id,
        raw_row_counts.raw_table as entity_name,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        cast(null as timestamp) as happened_at,
        case raw_row_counts.raw_table
            {% for raw_table, need in needs_of_raw_tables.items() %}
            when '{{ raw_table }}' then '{{ need }}'
            {% endfor %}
        end as note,
        raw_row_counts.raw_rows = 0 as is_wrong

    from raw_row_counts

    cross join settings
    cross join chat_count

    where
        raw_row_counts.raw_table in (
            {% for raw_table in needs_of_raw_tables %}
            '{{ raw_table }}'{{ ',' if not loop.last }}
            {% endfor %}
        )
        -- a portal in simple CRM mode has no leads, and misses nothing
        and (raw_row_counts.raw_table not like 'crm_lead%' or settings.demand_entity <> 'deal')
        and (raw_row_counts.raw_table <> 'openline_message' or chat_count.chats > 0)

),

checked_seeds as (

    {% for seed, need in needs_of_seeds.items() %}
    select
        'seed' as entity_type,
        '{{ seed }}' as entity_id,
        '{{ seed }}' as entity_name,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        cast(null as timestamp) as happened_at,
        '{{ need }}' as note,
        count(*) = 0 as is_wrong
    from {{ ref('stg_reference__' ~ seed) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

checked_metrics as (

    select
        'metric' as entity_type,
        metrics.metric_code as entity_id,
        metrics.name_en as entity_name,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        cast(null as timestamp) as happened_at,
        cast(null as {{ dbt.type_string() }}) as note,
        -- without an after there is nothing to compare a baseline with
        finding_window.as_of_date < {{ go_live }}
        or (
            months_before.months < {{ var('min_comparison_months') }}
            and measured_by_hand.metric_code is null
        ) as is_wrong

    from metrics

    cross join months_before
    cross join finding_window

    left join measured_by_hand
        on metrics.metric_code = measured_by_hand.metric_code

),

-- figures do without this seed, but nobody has written down what the CRM is for
checked_goals as (

    select
        'seed' as entity_type,
        'goals' as entity_id,
        'goals' as entity_name,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        cast(null as timestamp) as happened_at,
        cast(null as {{ dbt.type_string() }}) as note,
        goal_rows = 0 as is_wrong

    from goals

    where {{ go_live }} is not null

),

setup as (

    {% for parts in [
        'pipelines', 'stages', 'processes', 'raw_tables', 'seeds', 'metrics', 'goals'
    ] %}
    select * from checked_{{ parts }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

final as (

    select
        entity_type || '|' || entity_id as setup_key,
        entity_type,
        entity_id,
        entity_name,
        cast(null as {{ dbt.type_string() }}) as employee_id,
        pipeline_id,
        happened_at,
        cast(null as numeric(28, 6)) as amount,
        {% for condition, flag in [
            ("entity_type = 'pipeline'", 'is_unused_pipeline'),
            ("entity_type = 'stage'", 'is_unused_stage'),
            ("entity_type = 'process'", 'is_not_automated'),
            ("entity_type = 'raw_table'", 'is_missing_raw_table'),
            ("entity_type = 'seed' and entity_id <> 'goals'", 'is_empty_seed'),
            ("entity_type = 'metric'", 'is_without_baseline'),
            ("entity_type = 'seed' and entity_id = 'goals'", 'is_without_goal'),
        ] %}
        case when {{ condition }} then is_wrong end as {{ flag }},
        {% endfor %}
        note

    from setup

)

select * from final
