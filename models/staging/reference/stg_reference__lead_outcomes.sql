with

source as (

    select * from {{ ref('lead_outcomes') }}

),

renamed as (

    select
        cast(upper(nullif(trim(status_id), '')) as {{ dbt.type_string() }}) as status_id,
        cast(nullif(trim(outcome), '') as {{ dbt.type_string() }}) as outcome

    from source

)

select * from renamed
