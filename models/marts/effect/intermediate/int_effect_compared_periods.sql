{%- set sides = ['first', 'second'] -%}

with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

estimates as (

    select * from {{ ref('int_effect_estimates') }}
    where before_source = 'data'

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where is_compared

),

periods as (

    select
        period_grain,
        period_start

    from {{ ref('int_periods') }}

),

-- the compared months of the two windows, and each period beside itself a year earlier
compared as (

    select
        estimates.metric_code,
        estimates.metric_code || '|before_after' as comparison_key,
        'before_after' as comparison,
        'month' as period_grain,
        case when window_months.window_name = 'before' then 'first' else 'second' end as side,
        window_months.period_start

    from estimates

    inner join window_months
        on
            estimates.metric_code = window_months.metric_code
            and estimates.basis = window_months.basis

    {% for side in sides %}
    union all

    select
        metric_catalog.metric_code,
        metric_catalog.metric_code || '|year_over_year|' || periods.period_grain
        || '|' || cast(periods.period_start as {{ dbt.type_string() }}) as comparison_key,
        'year_over_year' as comparison,
        periods.period_grain,
        '{{ side }}' as side,
        {% if side == 'first' -%}
        cast({{ dbt.dateadd('year', -1, 'periods.period_start') }} as date) as period_start
        {%- else -%}
        periods.period_start
        {%- endif %}

    from metric_catalog

    cross join periods
    {% endfor %}

),

final as (

    select
        comparison_key || '|' || side || '|' || cast(period_start as {{ dbt.type_string() }})
            as compared_period_key,
        *,
        count(*) over (partition by comparison_key, side) as periods,
        min(period_start) over (partition by comparison_key, side) as first_start,
        max(period_start) over (partition by comparison_key, side) as last_start

    from compared

)

select * from final
