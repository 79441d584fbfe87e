{%- set go_live = 'cast(' ~ date_var('crm_go_live_date') ~ ' as timestamp)' -%}

with

settings as (

    select
        run_key,
        as_of_at,
        as_of_date,
        data_end_at,
        has_activities,
        {{ to_utc(go_live) }} as go_live_at,
        {{ to_utc(dbt.dateadd('month', -var('finding_window_months'), to_local('data_end_at'))) }}
            as trailing_start_at

    from {{ ref('int_run_settings') }}

),

-- what people did before the CRM went live says nothing about how they use it
final as (

    select
        run_key,
        as_of_at,
        as_of_date,
        data_end_at,
        has_activities,
        case
            when go_live_at < as_of_at then greatest(go_live_at, trailing_start_at)
            else trailing_start_at
        end as window_start_at

    from settings

)

select * from final
