{#-
  CTEs, the last of the given name: the days (UTC) on which something happened, without strays. These are at most ten
  rows, of two hundred and more, that lie more than a year beyond all others, on the newest or the oldest side: a
  mistyped year or a clock gone wrong would otherwise move the end of the data, or its first month.
-#}
{% macro days_without_strays(name, relation, happened_at, newest) -%}
    {%- set outward = 'desc' if newest else 'asc' -%}
{{ name }}_and_strays as (

    select
        cast({{ happened_at }} as date) as day,
        min({{ happened_at }}) as first_at,
        max({{ happened_at }}) as last_at,
        count(*) as day_rows

    from {{ relation }}

    where {{ happened_at }} is not null

    group by cast({{ happened_at }} as date)

),

counted_{{ name }} as (

    select
        *,
        sum(day_rows) over (order by day {{ outward }}) as rows_beyond,
        sum(day_rows) over () as all_rows,
        lead(day) over (order by day {{ outward }}) as next_day

    from {{ name }}_and_strays

),

{{ name }} as (

    select
        first_at,
        last_at

    from counted_{{ name }} as counted_days

    where
        not exists (
            select 1
            from counted_{{ name }} as strays
            where
                strays.rows_beyond <= 10
                and strays.all_rows >= 200
                and {{ 'strays.day > ' ~ dbt.dateadd('day', 365, 'strays.next_day') if newest
                    else 'strays.next_day > ' ~ dbt.dateadd('day', 365, 'strays.day') }}
                and strays.day {{ '<=' if newest else '>=' }} counted_days.day
        )

)
{%- endmacro %}
