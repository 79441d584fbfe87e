-- Which seeds are empty, and what is null or poorer without them?
with

sources as (

    select * from {{ ref('int_finding_sources') }}
    where is_missing_seed

),

listed as (

    select
        source_name,
        needed_for

    from sources

)

select * from listed
order by source_name
