-- Which segments moved a metric? The members of one segment type, in the last complete month and in
-- the month a year before it. Edit the first lines.
{%- set metric_code = 'conversion' -%}
{%- set segment_type = 'channel' %}

with

months as (

    select *
    from {{ ref('metric_values') }}
    where
        metric_code = '{{ metric_code }}'
        and segment_type = '{{ segment_type }}'
        and period_grain = 'month'
        and is_complete

),

last_month as (

    select max(period_start) as period_start from months

),

compared as (

    select
        months.segment_name,
        earlier_months.value as value_before,
        months.value as value_after,
        months.value - earlier_months.value as value_change,
        months.numerator as numerator_after,
        months.denominator as denominator_after

    from months

    inner join last_month
        on months.period_start = last_month.period_start

    left join months as earlier_months
        on
            months.segment_id = earlier_months.segment_id
            and earlier_months.period_start = {{ dbt.dateadd('year', -1, 'months.period_start') }}

)

select * from compared
order by abs(value_change) desc nulls last
