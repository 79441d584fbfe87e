{%- set go_live = "cast('" ~ var('crm_go_live_date') ~ "' as date)" -%}

with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

metrics as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

measured_by_hand as (

    select distinct metric_code

    from {{ ref('stg_reference__manual_baseline') }}

),

months_before as (

    select
        count(*) as months_in_data,
        count(*) filter (where period_end < {{ go_live }}) as months_before

    from {{ ref('int_periods') }}

    where period_grain = 'month' and is_complete

),

final as (

    select
        metrics.metric_code,
        metrics.name_en as metric_name,
        {{ go_live }} as go_live_date,
        months_before.months_in_data,
        months_before.months_before,
        measured_by_hand.metric_code is not null as is_measured_by_hand,
        -- without an after there is nothing to compare a baseline with
        finding_window.as_of_date < {{ go_live }}
        or (
            months_before.months_before < {{ var('min_comparison_months') }}
            and measured_by_hand.metric_code is null
        ) as is_without_baseline

    from metrics

    cross join months_before
    cross join finding_window

    left join measured_by_hand
        on metrics.metric_code = measured_by_hand.metric_code

)

select * from final
