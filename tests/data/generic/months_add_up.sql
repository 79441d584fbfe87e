{% test months_add_up(model, columns) %}

with

cells as (

    select * from {{ model }}

),

months as (

    select * from cells
    where period_grain = 'month'

),

longer_periods as (

    select * from cells
    where period_grain in ('quarter', 'year')

),

compared as (

    select
        longer_periods.metric_key,
        {% for column in columns %}
        cast(coalesce(max(longer_periods.{{ column }}), 0) as numeric(28, 6)) as {{ column }},
        cast(coalesce(sum(months.{{ column }}), 0) as numeric(28, 6))
            as {{ column }}_of_months{{ ',' if not loop.last }}
        {% endfor %}
    from longer_periods
    left join months
        on
            longer_periods.segment_type = months.segment_type
            and longer_periods.segment_id = months.segment_id
            and months.period_start between longer_periods.period_start and longer_periods.period_end
    group by longer_periods.metric_key

)

select * from compared
where
    {% for column in columns %}
    -- sums of doubles in another order differ in their last digits
    abs({{ column }} - {{ column }}_of_months) > 0.0001 + abs({{ column }}) / 1000000000
    {{ 'or' if not loop.last }}
    {% endfor %}

{% endtest %}
