with

differences as (

    select * from {{ ref('int_effect_differences') }}

),

trends as (

    select * from {{ ref('int_effect_trends') }}

),

student_t as (

    select * from {{ ref('stg_reference__student_t') }}

),

needed as (

    select
        'difference' as purpose,
        metric_code,
        greatest(cast(degrees_of_freedom as {{ type_double() }}), 1) as degrees_of_freedom

    from differences

    -- rounding can leave one degree of freedom a hair short of 1
    where not is_rate and degrees_of_freedom > 0.999

    union all

    select
        'trend' as purpose,
        metric_code,
        cast(degrees_of_freedom as {{ type_double() }}) as degrees_of_freedom

    from trends

),

quantiles as (

    select
        needed.purpose || '|' || needed.metric_code as t_quantile_key,
        needed.purpose,
        needed.metric_code,
        needed.degrees_of_freedom,
        -- the table runs over 1 / degrees of freedom, in which the quantile is smooth down to infinity
        student_t.quantile_975
        + coalesce(
            (student_t.next_quantile_975 - student_t.quantile_975)
            * (1 / needed.degrees_of_freedom - student_t.inverse_df)
            / (student_t.next_inverse_df - student_t.inverse_df),
            0
        ) as quantile_975

    from needed

    inner join student_t
        on
            1 / needed.degrees_of_freedom >= student_t.inverse_df
            and 1 / needed.degrees_of_freedom < coalesce(student_t.next_inverse_df, 2)

)

select * from quantiles
