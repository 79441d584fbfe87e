with

settings as (

    select * from {{ ref('int_run_settings') }}

),

first_events as (

    select min(created_at) as happened_at from {{ ref('stg_bitrix24__deals') }}
    union all
    select min(created_at) as happened_at from {{ ref('stg_bitrix24__leads') }}
    union all
    select min(changed_at) as happened_at from {{ ref('stg_bitrix24__deal_stage_history') }}
    union all
    select min(changed_at) as happened_at from {{ ref('stg_bitrix24__lead_status_history') }}
    union all
    select min(happened_at) as happened_at from {{ ref('int_thread_activities') }}
    union all
    select min(started_at) as happened_at from {{ ref('stg_bitrix24__calls') }}
    union all
    select min(created_at) as happened_at from {{ ref('stg_bitrix24__tasks') }}
    union all
    -- without a history a deal can be closed on a day before it was entered
    select min(finished_at) as happened_at from {{ ref('int_entity_states') }}
    where entity_type = 'deal'

),

span as (

    select
        'data' as data_span_key,
        cast({{ dbt.date_trunc('month', to_local('min(first_events.happened_at)')) }} as date)
            as first_month,
        min(settings.as_of_date) as last_date

    from first_events

    inner join settings
        on first_events.happened_at < settings.data_end_at

)

select * from span
