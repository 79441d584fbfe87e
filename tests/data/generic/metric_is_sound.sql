{% test metric_is_sound(
    model, headline, counts=['0'], percentages=['0'], metric_code=none
) %}
{%- set known_code = "'" ~ metric_code ~ "'" if metric_code else 'metric_code' %}

with

cells as (

    select * from {{ model }}

),

judged as (

    select
        metric_key,
        case
            when
                metric_key is null
                or period_start is null
                or period_end is null
                or is_complete is null
                or segment_type is null
                or segment_id is null
                or segment_name is null
                then 'a key column is null'
            when
                metric_key
                <> {{ known_code }}
                || '|' || period_grain
                || '|' || cast(period_start as {{ dbt.type_string() }})
                || '|' || segment_type
                || '|' || segment_id
                then 'metric_key is not built from its grain'
            when coalesce(period_grain, '') not in ('month', 'quarter', 'year')
                then 'unknown period_grain'
            when
                coalesce(value_status, '') not in (
                    'measured', 'no_data', 'too_early', 'history_too_short', 'source_missing', 'not_applicable'
                )
                then 'unknown value_status'
            when value_status = 'measured' and {{ headline }} is null
                then '{{ headline }} is null, yet measured'
            when value_status in ('no_data', 'history_too_short', 'source_missing') and {{ headline }} is not null
                then '{{ headline }} has a value, yet its status denies it'
            when value_status in ('measured', 'no_data') and not is_complete
                then 'the period is incomplete, yet its status is final'
            -- the losses of a month are still to come when it has ended
            when value_status = 'too_early' and is_complete and metric_key not like 'lost_sales|%'
                then 'the period is complete, yet its status is too_early'
            when {{ counts | join(' + ') }} is null then 'a count is null'
            when {{ counts | join(' < 0 or ') }} < 0 then 'a count is negative'
            when {{ percentages | join(' < 0 or ') }} < 0 then 'a percentage is below 0'
            when {{ percentages | join(' > 100 or ') }} > 100 then 'a percentage is above 100'
        end as failure

    from cells

)

select * from judged
where failure is not null

{% endtest %}
