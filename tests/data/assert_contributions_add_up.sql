-- where the members of a segment type add up to the company, so does what they moved
with

members as (

    select
        metric_code,
        comparison,
        period_grain,
        second_to,
        segment_type,
        sum(first_numerator) as first_numerator,
        sum(second_numerator) as second_numerator,
        sum(first_denominator) as first_denominator,
        sum(second_denominator) as second_denominator,
        sum(contribution) as contribution

    from {{ ref('metric_contributions') }}

    where segment_type not in ('all', 'cost_type')

    group by metric_code, comparison, period_grain, second_to, segment_type

),

companies as (

    select * from {{ ref('metric_contributions') }}
    where segment_type = 'all'

)

select
    members.*,
    companies.contribution as company_contribution

from members

inner join companies
    on
        members.metric_code = companies.metric_code
        and members.comparison = companies.comparison
        and members.period_grain = companies.period_grain
        and members.second_to = companies.second_to

where
    abs(members.first_numerator - companies.first_numerator) < 0.000001
    and abs(members.second_numerator - companies.second_numerator) < 0.000001
    and coalesce(abs(members.first_denominator - companies.first_denominator), 0) < 0.000001
    and coalesce(abs(members.second_denominator - companies.second_denominator), 0) < 0.000001
    and abs(members.contribution - companies.contribution)
    > 0.000001 * greatest(1, abs(companies.contribution))
