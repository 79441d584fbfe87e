with

dates as (

    select * from {{ ref('dim_dates') }}
    -- the calendar begins with the strays, the periods do not
    where date_day >= (select span.first_month from {{ ref('int_data_span') }} as span)

),

period_days as (

    {% for grain in ['month', 'quarter', 'year'] %}
    select
        '{{ grain }}|' || cast(date_day as {{ dbt.type_string() }}) as period_day_key,
        date_day,
        '{{ grain }}|' || cast({{ grain }}_start as {{ dbt.type_string() }}) as period_key,
        '{{ grain }}' as period_grain,
        {{ grain }}_start as period_start

    from dates
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from period_days
