{%- set go_live_month = dbt.date_trunc('month', date_var('crm_go_live_date')) -%}
{%- set cost_types = ['marketing', 'salary', 'other', 'crm'] -%}

with

months as (

    select * from {{ ref('int_effect_money_months') }}

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where
        basis = 'comparable'
        and metric_code = 'net_effect'
        and window_name = 'before'
        and is_compared

),

student_t as (

    select * from {{ ref('stg_reference__student_t') }}

),

compared as (

    select months.*

    from months

    inner join window_months
        on months.period_start = window_months.period_start

),

average as (

    select
        count(*) as months,
        {{ sum_in_order('leads', 'period_start') }} / count(*) as leads,
        {{ ratio(
            sum_in_order('closed_deals', 'period_start'), sum_in_order('leads', 'period_start')
        ) }} as closed_per_lead,
        {{ ratio(
            sum_in_order('revenue', 'period_start'), sum_in_order('closed_deals', 'period_start')
        ) }} as deal_size,
        {% for cost_type in cost_types %}
        {{ sum_in_order(cost_type ~ '_cost', 'period_start') }} / count(*) as {{ cost_type }}_cost,
        {% endfor %}
        {{ sum_in_order('revenue', 'period_start') }} / count(*) as revenue

    from compared

    having count(*) >= {{ var('min_comparison_months') }}

),

beginning as (

    select min(period_start) as first_month from months

),

-- a trend shows in years rather than in months: twice the window, but for the first month, which
-- is hardly ever a whole one
lead_months as (

    select
        months.period_start,
        months.leads,
        cast(
            {{ dbt.datediff("cast('2000-01-01' as date)", 'months.period_start', 'month') }}
            as {{ type_double() }}
        ) as month_number

    from months

    cross join beginning

    where
        months.period_start > beginning.first_month
        and months.period_start
        >= {{ dbt.dateadd('month', -2 * var('comparison_months'), go_live_month) }}
        and months.period_start < {{ go_live_month }}

),

-- a line through them; sums of whole numbers are exact
line as (

    select
        cast(count(*) - 2 as {{ type_double() }}) as df,
        sum(month_number * month_number) - sum(month_number) * sum(month_number) / count(*) as sxx,
        sum(month_number * leads) - sum(month_number) * sum(leads) / count(*) as sxy,
        sum(leads * leads) - sum(leads) * sum(leads) / count(*) as syy

    from lead_months

),

with_error as (

    select
        average.*,
        line.sxy / nullif(line.sxx, 0) as slope,
        sqrt(
            greatest(line.syy - line.sxy * line.sxy / nullif(line.sxx, 0), 0)
            / nullif(line.df, 0)
            / nullif(line.sxx, 0)
        ) as slope_error,
        1 / nullif(line.df, 0) as inverse_df

    from average

    cross join line

),

with_quantile as (

    select
        with_error.*,
        with_error.slope_error
        * {{ student_t_quantile('student_t', 'with_error.inverse_df', '800') }} as slope_margin

    from with_error

    left join student_t
        on
            with_error.inverse_df >= student_t.inverse_df
            and with_error.inverse_df
            < case
                when student_t.next_inverse_df >= 0.5 then 1 else student_t.next_inverse_df
            end

),

-- a trend that is no trend comes out as large in one of five cases in either direction; one that
-- is may be as steep as its bound allows
final as (

    select
        months,
        leads,
        closed_per_lead,
        deal_size,
        {% for cost_type in cost_types %}
        {{ cost_type }}_cost,
        {% endfor %}
        revenue,
        case
            when abs(slope) > slope_margin
                then (slope + sign(slope) * slope_margin) * closed_per_lead * deal_size
        end as revenue_trend

    from with_quantile

)

select * from final
