with

source as (

    select * from {{ ref('manual_baseline') }}

),

renamed as (

    select
        cast(nullif(trim(metric_code), '') as {{ dbt.type_string() }}) as metric_code,
        cast(nullif(trim(note), '') as {{ dbt.type_string() }}) as note,
        cast(value as numeric(28, 6)) as baseline_value,
        cast(sample_size as bigint) as sample_size,
        cast(std_dev as numeric(28, 6)) as std_dev,
        cast(period_start as date) as period_start,
        cast(period_end as date) as period_end

    from source

)

select * from renamed
