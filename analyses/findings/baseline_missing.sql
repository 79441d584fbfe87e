-- Which metrics have nothing from before go-live to be compared with?
with

baselines as (

    select * from {{ ref('int_finding_baselines') }}
    where is_without_baseline

),

listed as (

    select
        metric_code,
        metric_name,
        go_live_date,
        months_in_data,
        months_before,
        is_measured_by_hand

    from baselines

)

select * from listed
order by metric_code
