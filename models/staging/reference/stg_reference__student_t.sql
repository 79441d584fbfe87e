with

source as (

    select * from {{ ref('student_t') }}

),

renamed as (

    select
        cast(inverse_df as {{ type_double() }}) as inverse_df,
        cast(quantile_975 as {{ type_double() }}) as quantile_975

    from source

),

-- a segment between two neighbours of the table, in which quantiles are interpolated
segments as (

    select
        inverse_df,
        quantile_975,
        lead(inverse_df) over (order by inverse_df) as next_inverse_df,
        lead(quantile_975) over (order by inverse_df) as next_quantile_975

    from renamed

)

select * from segments
