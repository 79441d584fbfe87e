with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

estimates as (

    select * from {{ ref('int_effect_estimates') }}

),

months as (

    select * from {{ ref('int_effect_months') }}
    where basis = 'article'

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where is_compared

),

windows as (

    {% for window in ['before', 'after'] %}
    select
        metric_code,
        '{{ window }}' as window_name,
        basis,
        before_source,
        is_exact,
        {{ window }}_value as value,
        {{ window }}_numerator as numerator,
        {{ window }}_denominator as denominator,
        {{ window }}_months as months,
        {{ window }}_first_month as first_month,
        {{ window }}_last_month as last_month,
        {{ window }}_cases as cases,
        {{ 'before_source' if window == 'before' else "'data'" }} as source

    from estimates
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

article_months as (

    select
        windows.metric_code,
        windows.window_name,
        months.numerator,
        months.denominator,
        row_number() over (
            partition by windows.metric_code, windows.window_name
            order by months.period_start desc
        ) as newest_first

    from windows

    inner join window_months
        on
            windows.metric_code = window_months.metric_code
            and windows.basis = window_months.basis
            and windows.window_name = window_months.window_name

    inner join months
        on
            window_months.metric_code = months.metric_code
            and window_months.period_start = months.period_start

),

article_values as (

    select
        metric_code,
        window_name,
        {{ ratio(
            sum_in_order('numerator', 'newest_first'), sum_in_order('denominator', 'newest_first')
        ) }} as article_ratio

    from article_months

    -- a register stands as it is at the end, and LTV looks back on a year by itself
    where metric_code not in ('automation_level', 'ltv') or newest_first = 1

    group by metric_code, window_name

),

final as (

    select
        windows.metric_code || '|' || windows.window_name as metric_window_key,
        windows.metric_code,
        windows.window_name,
        case
            when windows.basis = 'article' then metric_catalog.headline_column
            when windows.metric_code = 'automation_level' then 'automated_events_pct'
            when windows.metric_code = 'conversion' then 'won_within_90d_pct'
            when windows.metric_code = 'retention' then 'purchases_followed_pct'
            when windows.metric_code = 'churn' then 'purchases_not_followed_pct'
            when windows.metric_code = 'sales_cycle' then 'cycle_days_by_first_contact'
            when windows.metric_code = 'ltv' then 'margin_per_client_year_x_lifespan'
            when windows.metric_code = 'lost_sales' then 'lost_sales_per_unit_of_demand'
            else metric_catalog.headline_column
        end as measure,
        {% for language, events in [
            ('en', 'Messages sent by robots'),
            ('ru', 'Сообщения, отправленные роботами'),
        ] %}
        case
            when windows.is_exact then metric_catalog.measure_name_{{ language }}
            when windows.basis = 'article' then metric_catalog.name_{{ language }}
            when windows.metric_code = 'automation_level' then '{{ events }}'
            else metric_catalog.measure_name_{{ language }}
        end as measure_name_{{ language }},
        {% endfor %}
        metric_catalog.unit,
        windows.value,
        windows.numerator,
        windows.denominator,
        cast(windows.cases as bigint) as cases,
        coalesce(windows.months, 0) as months,
        cast({{ dbt.date_trunc('month', 'windows.first_month') }} as date) as first_month,
        cast({{ dbt.date_trunc('month', 'windows.last_month') }} as date) as last_month,
        windows.source,
        case
            when windows.source = 'manual' then windows.value
            else
                article_values.article_ratio
                * case when metric_catalog.unit = 'percent' then 100 else 1 end
        end as article_value

    from windows

    inner join metric_catalog
        on windows.metric_code = metric_catalog.metric_code

    left join article_values
        on
            windows.metric_code = article_values.metric_code
            and windows.window_name = article_values.window_name

)

select * from final
