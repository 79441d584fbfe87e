{%- set margin = var('gross_margin_rate') -%}

with

settings as (

    select
        run_key,
        {% for source in ['data_source', 'seeds_source'] %}
        {% set text = (var(source) or '') | replace("'", "''") %}
        nullif('{{ text }}', '') as {{ source }},
        {% endfor %}
        as_of_at,
        base_currency,
        demand_entity,
        '{{ var("reporting_timezone") }}' as reporting_timezone,
        {{ date_var('crm_go_live_date') }} as crm_go_live_date,
        cast({{ var('comparison_months') }} as bigint) as comparison_months,
        cast({{ var('client_inactivity_days') }} as bigint) as client_inactivity_days,
        cast({{ var('response_sla_minutes') }} as bigint) as response_sla_minutes,
        cast({{ var('response_horizon_days') }} as bigint) as response_horizon_days,
        cast(nullif('{{ margin }}', '') as {{ type_double() }})
            as gross_margin_rate

    from {{ ref('int_run_settings') }}

)

select * from settings
