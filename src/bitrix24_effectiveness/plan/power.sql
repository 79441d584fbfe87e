-- Months of records needed before and after, by the formula that crm_scorecard has for months_to_tell
-- (macros/metrics/months_to_tell.sql): of equally long windows the shortest that shows the change.
with

student_t as (

    select
        *,
        lead(inverse_df) over (order by inverse_df) as next_inverse_df,
        lead(quantile_975) over (order by inverse_df) as next_quantile_975,
        lead(slope_975) over (order by inverse_df) as next_slope_975,
        lead(quantile_800) over (order by inverse_df) as next_quantile_800,
        lead(slope_800) over (order by inverse_df) as next_slope_800
    from read_csv($student_t, header = true)

),

given as (

    select
        cast(months.range as double) as months,
        cast($variance_of_a_month as double) as variance_of_a_month,
        cast($change as double) as change,
        cast($autocorrelation as double) as raw_autocorrelation
    from range($fewest, $most + 1) as months

),

with_autocorrelation as (

    select
        *,
        {{ autocorrelation('raw_autocorrelation', 'months') }} as autocorrelation
    from given

),

with_freedom as (

    select
        *,
        {{ variance_factor('autocorrelation') }} as variance_factor,
        1 / greatest((2 * months - 2) / ({{ variance_factor('autocorrelation') }}), 2)
            as inverse_df
    from with_autocorrelation

),

with_quantiles as (

    select
        with_freedom.*,
        {{ student_t_quantile('student_t', 'with_freedom.inverse_df', '975') }}
        + {{ student_t_quantile('student_t', 'with_freedom.inverse_df', '800') }} as quantiles
    from with_freedom
    inner join student_t
        on
            with_freedom.inverse_df >= student_t.inverse_df
            and with_freedom.inverse_df
            < case when student_t.next_inverse_df >= 0.5 then 1 else student_t.next_inverse_df end

)

select
    cast(months as bigint) as months,
    {{ months_needed(
        'variance_of_a_month / months',
        'months',
        'variance_of_a_month',
        variance_allowed('change', 'quantiles', 'variance_factor')
    ) }} as months_needed,
    quantiles * sqrt(variance_factor * 2 * variance_of_a_month / months) as smallest_change
from with_quantiles
order by months
