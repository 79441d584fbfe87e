with

settings as (

    select * from {{ ref('int_run_settings') }}

),

events as (

    select created_at as happened_at from {{ ref('stg_bitrix24__deals') }}
    union all
    select created_at as happened_at from {{ ref('stg_bitrix24__leads') }}
    union all
    select changed_at as happened_at from {{ ref('stg_bitrix24__deal_stage_history') }}
    union all
    select changed_at as happened_at from {{ ref('stg_bitrix24__lead_status_history') }}
    union all
    select happened_at from {{ ref('int_thread_activities') }}
    union all
    select started_at as happened_at from {{ ref('stg_bitrix24__calls') }}
    union all
    select created_at as happened_at from {{ ref('stg_bitrix24__tasks') }}
    union all
    -- without a history a deal can be closed on a day before it was entered
    select finished_at as happened_at from {{ ref('int_entity_states') }}
    where entity_type = 'deal'
    union all
    select created_at as happened_at from {{ ref('int_journal_deals') }}
    union all
    select requested_at as happened_at from {{ ref('int_journal_requests') }}

),

known_events as (

    select events.happened_at

    from events

    inner join settings
        on events.happened_at < settings.data_end_at

),

{{ days_without_strays('usual_days', 'known_events', 'happened_at', newest=false) }},

first_day as (

    select min(first_at) as first_at from usual_days_and_strays

),

span as (

    select
        'data' as data_span_key,
        cast({{ dbt.date_trunc('month', to_local('min(usual_days.first_at)')) }} as date)
            as first_month,
        cast({{ dbt.date_trunc('month', to_local('min(first_day.first_at)')) }} as date)
            as calendar_start,
        min(settings.as_of_date) as last_date

    from usual_days

    cross join first_day
    cross join settings

)

select * from span
