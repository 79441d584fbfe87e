with

comparison_months as (

    select * from {{ ref('int_comparison_months') }}

),

monthly_values as (

    select * from {{ ref('int_effect_monthly_values') }}

),

numbered as (

    select
        comparison_months.window_name,
        comparison_months.is_compared,
        monthly_values.metric_code,
        monthly_values.value,
        cast(
            {{ dbt.datediff("cast('2000-01-01' as date)", 'comparison_months.period_start', 'month') }}
            as {{ type_double() }}
        ) as month_number

    from comparison_months

    inner join monthly_values
        on comparison_months.period_start = monthly_values.period_start

),

-- least squares over all months before go-live
fits as (

    select
        metric_code,
        count(*) as months,
        regr_slope(value, month_number) as slope,
        regr_sxx(value, month_number) as sxx,
        regr_syy(value, month_number) as syy,
        regr_sxy(value, month_number) as sxy

    from numbered

    where window_name = 'before'

    group by metric_code

    having count(*) >= 4

),

distances as (

    select
        metric_code,
        avg(month_number) filter (where window_name = 'after' and is_compared)
        - avg(month_number) filter (where window_name = 'before' and is_compared) as months_between

    from numbered

    group by metric_code

),

trends as (

    select
        fits.metric_code,
        fits.slope,
        sqrt(greatest(fits.syy - fits.slope * fits.sxy, 0) / (fits.months - 2) / fits.sxx) as slope_standard_error,
        fits.months - 2 as degrees_of_freedom,
        distances.months_between

    from fits

    inner join distances
        on fits.metric_code = distances.metric_code

)

select * from trends
