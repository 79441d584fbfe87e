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

bounds as (

    select
        cast({{ dbt.date_trunc('month', to_local('min(first_events.happened_at)')) }} as date) as first_date,
        min(settings.as_of_date) as last_date

    from first_events

    inner join settings
        on first_events.happened_at < settings.data_end_at

),

-- 2^16 days are 179 years: more than any portal holds
day_numbers as (

    {{ dbt.generate_series(65536) }}

),

dates as (

    select cast({{ dbt.dateadd('day', 'day_numbers.generated_number - 1', 'bounds.first_date') }} as date) as date_day

    from day_numbers

    inner join bounds
        on day_numbers.generated_number - 1 <= {{ dbt.datediff('bounds.first_date', 'bounds.last_date', 'day') }}

),

with_weekday as (

    select
        date_day,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start,
        cast({{ dbt.date_trunc('quarter', 'date_day') }} as date) as quarter_start,
        cast({{ dbt.date_trunc('year', 'date_day') }} as date) as year_start,
        -- 1900-01-01 was a Monday
        cast(mod({{ dbt.datediff("cast('1900-01-01' as date)", 'date_day', 'day') }}, 7) + 1 as bigint) as iso_weekday

    from dates

)

select * from with_weekday
