{%- set inactivity_hours = var('client_inactivity_days') * 24 -%}

with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

with_previous as (

    select
        client_id,
        purchased_at,
        lag(purchased_at)
            over (partition by client_id order by purchase_number)
            as previous_purchased_at,
        purchase_number

    from purchases

),

numbered as (

    select
        client_id,
        purchased_at,
        sum(
            case
                when
                    purchased_at
                    < {{ dbt.dateadd('hour', inactivity_hours, 'previous_purchased_at') }}
                    then 0
                else 1
            end
        ) over (
            partition by client_id
            order by purchase_number
            rows between unbounded preceding and current row
        ) as span_number

    from with_previous

),

spans as (

    select
        client_id,
        span_number,
        min(purchased_at) as span_start_at,
        {{ dbt.dateadd('hour', inactivity_hours, 'max(purchased_at)') }} as span_end_at

    from numbered

    group by client_id, span_number

),

final as (

    select
        client_id || '|' || cast(span_number as {{ dbt.type_string() }}) as active_span_key,
        client_id,
        span_start_at,
        span_end_at,
        -- a purchase at the very end of a span leaves no time without activity
        coalesce(
            lead(span_start_at) over (partition by client_id order by span_number) > span_end_at,
            true
        ) as ends_in_churn

    from spans

)

select * from final
