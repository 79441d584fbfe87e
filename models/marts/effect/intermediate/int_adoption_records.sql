{#- all have had as long -#}
{%- set hours_to_touch = 24 -%}
{%- set days_to_work = 7 -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

activities as (

    select * from {{ ref('int_thread_activities') }}

),

demand_units as (

    select * from {{ ref('fct_demand_units') }}
    where not is_excluded and source is distinct from 'journal'

),

deals as (

    select * from {{ ref('fct_deals') }}
    where source is distinct from 'journal'

),

tasks as (

    select * from {{ ref('fct_tasks') }}
    where is_done_in_time is not null

),

-- what people did: a client's message is none of it, nor is a plan or what robots send
acts as (

    select
        thread_id,
        actor_id,
        happened_at,
        happened_date,
        is_response_untimed or is_response_unknown as is_untimed

    from activities

    where
        happened_at is not null
        and (
            is_response
            or is_response_unknown
            or (is_directed and is_by_person and not is_incoming)
        )

),

acts_by_thread as (

    select
        thread_id,
        min(case when not is_untimed then happened_at end) as first_act_at,
        max(case when is_untimed then 1 else 0 end) = 1 as has_untimed

    from acts

    group by thread_id

),

deals_with_first_act as (

    select
        deals.deal_id,
        deals.thread_id,
        deals.employee_id,
        deals.created_at,
        deals.created_date,
        min(acts.happened_at) as first_act_at

    from deals

    inner join settings
        on settings.has_activities

    left join acts
        on
            deals.thread_id = acts.thread_id
            and deals.created_at <= acts.happened_at
            and not acts.is_untimed

    group by
        deals.deal_id, deals.thread_id, deals.employee_id, deals.created_at, deals.created_date

),

-- one row per thing that shows whether people work in the CRM, with the one in charge of it:
-- `counted` is 1 where they did, 0 where not, null where that cannot be known
records as (

    select
        'demand|' || demand_units.demand_unit_id as record_key,
        'demand' as record_kind,
        demand_units.employee_id,
        demand_units.created_date as date_day,
        case
            when
                {{ dbt.dateadd('hour', hours_to_touch, 'demand_units.created_at') }}
                > settings.as_of_at
                then null
            when
                acts_by_thread.first_act_at
                < {{ dbt.dateadd('hour', hours_to_touch, 'demand_units.created_at') }}
                then 1
            when not coalesce(acts_by_thread.has_untimed, false) then 0
        end as counted

    from demand_units

    inner join settings
        on settings.has_activities

    left join acts_by_thread
        on demand_units.thread_id = acts_by_thread.thread_id

    union all

    select
        'deal|' || deals.deal_id as record_key,
        'deal' as record_kind,
        deals.employee_id,
        deals.created_date as date_day,
        case
            when {{ dbt.dateadd('day', days_to_work, 'deals.created_at') }} > settings.as_of_at
                then null
            when
                deals.first_act_at < {{ dbt.dateadd('day', days_to_work, 'deals.created_at') }}
                then 1
            when not coalesce(acts_by_thread.has_untimed, false) then 0
        end as counted

    from deals_with_first_act as deals

    cross join settings

    left join acts_by_thread
        on deals.thread_id = acts_by_thread.thread_id

    union all

    select
        'task|' || task_id as record_key,
        'task' as record_kind,
        employee_id,
        deadline_date as date_day,
        case when is_done_in_time then 1 else 0 end as counted

    from tasks

    union all

    select distinct
        'work_day|' || actor_id || '|' || cast(happened_date as {{ dbt.type_string() }})
            as record_key,
        'work_day' as record_kind,
        actor_id as employee_id,
        happened_date as date_day,
        1 as counted

    from acts

    where not is_untimed

)

select * from records
