{%- set segment_types
    = ['channel', 'pipeline', 'employee', 'client_type'] + custom_segment_types('sales_cycle') -%}

with

periods as (

    select * from {{ ref('int_periods') }}

),

-- a month, a quarter and a year that end together look back on the same deals
cutoffs as (

    select
        cutoff_at,
        trailing_start_at,
        row_number() over (order by cutoff_at) as cutoff_number

    from periods

    group by cutoff_at, trailing_start_at

),

-- members as numbers: a million rows are sorted by them
deals as (

    select
        *,
        {% for segment_type in segment_types %}
        dense_rank()
            over (order by {{ segment_dimension(segment_type) }})
            as {{ segment_dimension(segment_type) }}_number,
        {% endfor %}
        1 as all_number

    from {{ ref('int_deals_with_segments') }}

    -- not known of a journal that is a list of sales
    where first_contact_at is not null

),

-- what was known of a deal at the end of the period: won after so many days, or not won until then
observations as (

    select
        cutoffs.cutoff_number,
        deals.all_number,
        {% for segment_type in segment_types %}
        deals.{{ segment_dimension(segment_type) }}_number,
        {% endfor %}
        coalesce(deals.won_at < cutoffs.cutoff_at, false) as is_won,
        {{ microseconds_between(
            'deals.first_contact_at',
            'least(deals.won_at, deals.lost_at, cutoffs.cutoff_at)'
        ) }} as observed_microseconds

    from cutoffs

    inner join deals
        on
            cutoffs.cutoff_at > deals.created_at
            and cutoffs.trailing_start_at <= deals.created_at
            and coalesce(cutoffs.cutoff_at <= deals.known_until_at, true)

),

-- how many had lasted as long: of deals won after the same time each next one has one less beside
-- it
at_risk as (

    {% for segment_type in ['all'] + segment_types %}
    select
        cutoff_number,
        '{{ segment_type }}' as segment_type,
        {{ segment_dimension(segment_type) }}_number as member_number,
        is_won,
        observed_microseconds,
        row_number() over (
            partition by cutoff_number, {{ segment_dimension(segment_type) }}_number
            order by observed_microseconds desc, is_won asc
        ) as deals_at_risk

    from observations
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- Kaplan and Meier: the share still not won is the product of (1 - 1 / at risk) over the deals won
-- so far, here as the exponential of a sum of logarithms; where the last at risk was won nothing is
-- left
curve as (

    select
        cutoff_number,
        segment_type,
        member_number,
        observed_microseconds,
        exp(
            sum(
                case
                    when deals_at_risk = 1 then -100
                    else ln(1 - 1 / cast(deals_at_risk as {{ type_double() }}))
                end
            ) over (
                partition by cutoff_number, segment_type, member_number
                order by deals_at_risk desc
                rows between unbounded preceding and current row
            )
        ) as share_not_won

    from at_risk

    where is_won

),

medians as (

    select
        cutoff_number,
        segment_type,
        member_number,
        -- the tolerance is for rounding in the logarithms
        cast(min(observed_microseconds) as {{ type_double() }}) / 86400000000 as median_days_to_win

    from curve

    where share_not_won <= 0.5 + 1e-9

    group by cutoff_number, segment_type, member_number

),

members as (

    select
        'all' as segment_type,
        1 as member_number,
        'all' as segment_id

    {% for segment_type in segment_types %}
    union

    select
        '{{ segment_type }}' as segment_type,
        {{ segment_dimension(segment_type) }}_number as member_number,
        {{ segment_dimension(segment_type) }} as segment_id
    from deals
    {% endfor %}

),

final as (

    select
        periods.period_key || '|' || medians.segment_type || '|' || members.segment_id as cell_key,
        medians.median_days_to_win

    from medians

    inner join cutoffs
        on medians.cutoff_number = cutoffs.cutoff_number

    inner join periods
        on cutoffs.cutoff_at = periods.cutoff_at

    inner join members
        on
            medians.segment_type = members.segment_type
            and medians.member_number = members.member_number

)

select * from final
