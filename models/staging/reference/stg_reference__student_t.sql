with

source as (

    select * from {{ ref('student_t') }}

),

renamed as (

    select
        cast(inverse_df as {{ type_double() }}) as inverse_df,
        cast(quantile_975 as {{ type_double() }}) as quantile_975,
        cast(slope_975 as {{ type_double() }}) as slope_975,
        cast(quantile_800 as {{ type_double() }}) as quantile_800,
        cast(slope_800 as {{ type_double() }}) as slope_800

    from source

),

-- a segment between two neighbours of the table, in which quantiles are interpolated
with_next as (

    select
        *,
        lead(inverse_df) over (order by inverse_df) as next_inverse_df,
        lead(quantile_975) over (order by inverse_df) as next_quantile_975,
        lead(slope_975) over (order by inverse_df) as next_slope_975,
        lead(quantile_800) over (order by inverse_df) as next_quantile_800,
        lead(slope_800) over (order by inverse_df) as next_slope_800

    from renamed

),

segments as (

    select * from with_next
    where next_inverse_df is not null

)

select * from segments
