{% test segments_add_up(model, columns) %}

with

cells as (

    select * from {{ model }}

),

sums as (

    select
        period_grain,
        period_start,
        segment_type,
        {% for column in columns %}
        cast(coalesce(sum({{ column }}), 0) as numeric(28, 6)) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from cells
    group by period_grain, period_start, segment_type

)

select
    parts.period_grain,
    parts.period_start,
    parts.segment_type,
    {% for column in columns %}
    parts.{{ column }} as {{ column }}_of_segments,
    wholes.{{ column }} as {{ column }}_of_all{{ ',' if not loop.last }}
    {% endfor %}
from sums as parts
left join sums as wholes
    on
        parts.period_grain = wholes.period_grain
        and parts.period_start = wholes.period_start
        and wholes.segment_type = 'all'
where
    {% for column in columns %}
    wholes.{{ column }} is null
    -- sums of doubles in another order differ in their last digits
    or abs(parts.{{ column }} - wholes.{{ column }})
    > 0.0001 + abs(wholes.{{ column }}) / 1000000000
    {{ 'or' if not loop.last }}
    {% endfor %}

{% endtest %}
