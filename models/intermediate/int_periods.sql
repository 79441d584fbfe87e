with

settings as (

    select * from {{ ref('int_run_settings') }}

),

span as (

    select * from {{ ref('int_data_span') }}

),

-- 2^12 months are 341 years: more than any portal holds
month_numbers as (

    {{ dbt.generate_series(4096) }}

),

months as (

    select
        cast(
            {{ dbt.dateadd(
                'month',
                'month_numbers.generated_number - 1',
                'span.first_month'
            ) }} as date
        )
            as month_start

    from month_numbers

    inner join span
        on
            month_numbers.generated_number - 1
            <= {{ dbt.datediff('span.first_month', 'span.last_date', 'month') }}

),

starts as (

    {% for grain, months in [('month', 1), ('quarter', 3), ('year', 12)] %}
    select distinct
        '{{ grain }}' as period_grain,
        cast({{ dbt.date_trunc(grain, 'month_start') }} as date) as period_start,
        cast({{ dbt.dateadd('month', months, dbt.date_trunc(grain, 'month_start')) }} as date)
            as next_period_start

    from months
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

instants as (

    select
        starts.period_grain,
        starts.period_start,
        cast({{ dbt.dateadd('day', -1, 'starts.next_period_start') }} as date) as period_end,
        {{ to_utc('cast(starts.period_start as timestamp)') }} as period_start_at,
        {{ to_utc('cast(starts.next_period_start as timestamp)') }} as period_end_at,
        settings.as_of_at,
        settings.as_of_date,
        settings.data_end_at

    from starts

    cross join settings

),

measured as (

    select
        *,
        period_end_at <= as_of_at as is_complete,
        -- a period that has not ended is measured up to what is known
        least(period_end_at, data_end_at) as cutoff_at,
        least(period_end, as_of_date) as cutoff_date

    from instants

),

periods as (

    select
        period_grain || '|' || cast(period_start as {{ dbt.type_string() }}) as period_key,
        period_grain,
        period_start,
        period_end,
        period_start_at,
        period_end_at,
        cutoff_at,
        cutoff_date,
        {{ to_utc(dbt.dateadd('month', -12, to_local('cutoff_at'))) }} as trailing_start_at,
        is_complete

    from measured

)

select * from periods
