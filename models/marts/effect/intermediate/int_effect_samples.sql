{%- set overruled = var('recorded_alike') -%}

with

months as (

    select * from {{ ref('int_effect_months') }}

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where is_compared

),

units as (

    select
        metric_code,
        unit

    from {{ ref('stg_reference__metric_catalog') }}

),

kinds as (

    select
        metric_code,
        request_kind,
        min(
            case
                {% if overruled -%}
                when
                    metric_code in ('{{ overruled | join("', '") }}')
                    then 1
                {% endif -%}
                when is_alike then 1
                else 0
            end
        ) as is_alike

    from {{ ref('int_effect_coverage') }}

    group by metric_code, request_kind

),

-- what was recorded alike is compared, and where nothing was, all of it is shown
judged_kinds as (

    select
        metric_code,
        request_kind,
        is_alike,
        max(is_alike) over (partition by metric_code) as is_any_alike

    from kinds

),

compared as (

    select
        months.basis,
        months.metric_code,
        window_months.window_name,
        window_months.is_same_season,
        window_months.comparable_months,
        months.period_start,
        min(case when months.basis = 'comparable' then judged_kinds.is_any_alike end)
            as is_any_alike,
        max(case when months.source = 'journal' then 1 else 0 end) as is_journal,
        {{ sum_in_order('months.numerator', 'months.request_kind') }} as numerator,
        {{ sum_in_order('months.denominator', 'months.request_kind') }} as denominator,
        sum(months.cases) as cases

    from months

    inner join window_months
        on
            months.basis = window_months.basis
            and months.metric_code = window_months.metric_code
            and months.period_start = window_months.period_start

    left join judged_kinds
        on
            months.metric_code = judged_kinds.metric_code
            and months.request_kind = judged_kinds.request_kind

    where
        months.basis = 'article'
        or coalesce(judged_kinds.is_alike = judged_kinds.is_any_alike, true)

    group by
        months.basis,
        months.metric_code,
        window_months.window_name,
        window_months.is_same_season,
        window_months.comparable_months,
        months.period_start

),

-- lost sales at one price, that of after
unit_price as (

    select
        {{ ratio(
            sum_in_order('numerator', 'period_start'), sum_in_order('denominator', 'period_start')
        ) }} as price

    from compared

    where metric_code = 'average_deal_size' and basis = 'comparable' and window_name = 'after'

),

scaled as (

    select
        compared.basis,
        compared.metric_code,
        compared.window_name,
        compared.is_same_season,
        compared.comparable_months,
        compared.is_any_alike,
        compared.is_journal,
        compared.period_start,
        -- a register stands as it is at the end, and a published LTV looks back on a year by itself
        compared.basis = 'article'
        and compared.metric_code in ('automation_level', 'ltv') as is_state,
        count(*)
            over (partition by compared.basis, compared.metric_code, compared.window_name)
            as months,
        row_number() over (
            partition by compared.basis, compared.metric_code, compared.window_name
            order by compared.period_start desc
        ) as newest_first,
        compared.numerator
        * case
            when
                compared.metric_code = 'lost_sales' and compared.basis = 'comparable'
                then unit_price.price
            else 1
        end
            as numerator,
        compared.denominator,
        compared.cases,
        cast(
            {{ dbt.datediff("cast('2000-01-01' as date)", 'compared.period_start', 'month') }}
            as {{ type_double() }}
        ) as month_number,
        case when units.unit = 'percent' then 100 else 1 end as scale

    from compared

    cross join unit_price

    left join units
        on compared.metric_code = units.metric_code

),

with_ratio as (

    select
        *,
        {{ ratio(
            'sum(numerator) over in_window', 'sum(denominator) over in_window'
        ) }} as window_ratio,
        {{ ratio(
            'sum(denominator * month_number) over in_window', 'sum(denominator) over in_window'
        ) }} as mean_month

    from scaled

    where not is_state or newest_first = 1

    -- in order of time, so that the last digits are the same in every run
    window in_window as (
        partition by basis, metric_code, window_name
        order by period_start
        rows between unbounded preceding and unbounded following
    )

),

-- what is left of a subtraction of equal numbers is rounding, and no spread
with_residual as (

    select
        *,
        case
            when
                abs(numerator - window_ratio * denominator)
                > 0.000000001 * (abs(numerator) + abs(window_ratio * denominator))
                then numerator - window_ratio * denominator
            when window_ratio is not null then cast(0 as {{ type_double() }})
        end as residual

    from with_ratio

),

with_previous as (

    select
        *,
        lag(residual) over (
            partition by basis, metric_code, window_name
            order by period_start
        ) as previous_residual,
        lag(month_number) over (
            partition by basis, metric_code, window_name
            order by period_start
        ) as previous_month_number

    from with_residual

),

sums as (

    select
        basis,
        metric_code,
        window_name,
        cast(max(months) as bigint) as months,
        cast(max(comparable_months) as bigint) as comparable_months,
        max(case when is_state then 1 else 0 end) = 1 as is_state,
        max(case when is_same_season then 1 else 0 end) = 1 as is_same_season,
        coalesce(min(is_any_alike), 1) = 1 as is_recorded_alike,
        max(is_journal) = 1 as is_from_journal,
        min(period_start) as first_month,
        max(period_start) as last_month,
        cast(sum(cases) as bigint) as cases,
        {{ sum_in_order('numerator', 'period_start') }} as numerator,
        {{ sum_in_order('denominator', 'period_start') }} as denominator,
        max(window_ratio) as window_ratio,
        max(mean_month) as mean_month,
        max(scale) as scale,
        {{ sum_in_order('residual * residual', 'period_start') }} as sum_of_squares,
        coalesce(
            {{ sum_in_order('residual * previous_residual', 'period_start') }} filter (
                where month_number = previous_month_number + 1
            ),
            0
        ) as sum_of_products,
        -- a line through the monthly ratios, weighted by what they are ratios of
        {{ sum_in_order(
            'denominator * (month_number - mean_month) * (month_number - mean_month)',
            'period_start'
        ) }} as sxx,
        {{ sum_in_order('(month_number - mean_month) * residual', 'period_start') }} as sxy,
        {{ sum_in_order('residual * residual / nullif(denominator, 0)', 'period_start') }} as syy

    from with_previous

    group by basis, metric_code, window_name

),

final as (

    select
        basis || '|' || metric_code || '|' || window_name as effect_sample_key,
        basis,
        metric_code,
        window_name,
        months,
        comparable_months,
        first_month,
        last_month,
        cases,
        numerator,
        denominator,
        window_ratio * scale as value,
        -- the variance of a ratio of sums over months (Cochran 1977, chapter 6)
        case
            when not is_state
                then
                    scale * scale * {{ ratio('months', '(months - 1)') }} * sum_of_squares
                    / nullif(denominator * denominator, 0)
        end as variance,
        is_same_season,
        is_recorded_alike,
        is_from_journal,
        -- of residuals in standard deviations of their window: the sum of their squares is months -
        -- 1
        case when sum_of_squares > 0 then (months - 1) * sum_of_products / sum_of_squares else 0 end
            as lagged_products,
        case when sum_of_squares > 0 then months - 1 else 0 end as products_base,
        mean_month,
        denominator as weight,
        case when sxx > 0 then scale * sxy / sxx end as slope,
        sxx,
        scale
        * scale
        * greatest(syy - coalesce(sxy * sxy / nullif(sxx, 0), 0), 0) as squares_around_line

    from sums

)

select * from final
