{%- set segment_types
    = ['channel', 'employee', 'client_history'] + custom_segment_types('conversion') -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'conversion'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

history_start as (

    select * from {{ ref('int_history_start') }}

),

demand_units as (

    select * from {{ ref('int_demand_units_with_segments') }}

),

won_deals as (

    select * from {{ ref('int_deals_with_segments') }}
    where state = 'won'

),

demand_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) filter (where not demand_units.is_excluded) as leads,
        count(*) filter (where not demand_units.is_excluded and demand_units.won_at is not null)
            as leads_won,
        count(*) filter (
            where
            not demand_units.is_excluded
            and demand_units.won_at < {{ dbt.dateadd('hour', 30 * 24, 'demand_units.created_at') }}
        ) as leads_won_within_30d,
        count(*) filter (
            where
            not demand_units.is_excluded
            and demand_units.won_at < {{ dbt.dateadd('hour', 90 * 24, 'demand_units.created_at') }}
        ) as leads_won_within_90d,
        count(*) filter (where not demand_units.is_excluded and demand_units.is_converted)
            as leads_converted,
        count(*) filter (where not demand_units.is_excluded and demand_units.is_junk) as leads_junk,
        count(*) filter (where demand_units.is_excluded) as excluded_leads

    from demand_units

    inner join period_days
        on demand_units.created_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

deals_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as closed_deals

    from won_deals

    -- a deal counts in the period in which it was won, however old it is
    inner join period_days
        on won_deals.won_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

counts as (

    select
        registry.*,
        coalesce(demand_by_segment.leads, 0) as leads,
        coalesce(deals_by_segment.closed_deals, 0) as closed_deals,
        coalesce(demand_by_segment.leads_won, 0) as leads_won,
        coalesce(demand_by_segment.leads_won_within_30d, 0) as leads_won_within_30d,
        coalesce(demand_by_segment.leads_won_within_90d, 0) as leads_won_within_90d,
        coalesce(demand_by_segment.leads_converted, 0) as leads_converted,
        coalesce(demand_by_segment.leads_junk, 0) as leads_junk,
        coalesce(demand_by_segment.excluded_leads, 0) as excluded_leads,
        {{ dbt.dateadd('hour', 30 * 24, 'periods.period_end_at') }}
        <= settings.as_of_at as is_ripe_30d,
        {{ dbt.dateadd('hour', 90 * 24, 'periods.period_end_at') }}
        <= settings.as_of_at as is_ripe_90d,
        -- at the beginning of the data everybody is new
        registry.segment_type = 'client_history'
        and {{ is_history_too_short('registry') }} as is_history_too_short

    from registry

    inner join periods
        on registry.period_key = periods.period_key

    cross join settings
    cross join history_start

    left join demand_by_segment
        on registry.cell_key = demand_by_segment.cell_key

    left join deals_by_segment
        on registry.cell_key = deals_by_segment.cell_key

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            ratio('registry.closed_deals', 'registry.leads'),
            is_history_too_short='registry.is_history_too_short'
        ) }} as value_status,
        registry.leads,
        registry.closed_deals,
        case
            when
                not registry.is_history_too_short
                then {{ ratio('registry.closed_deals', 'registry.leads', 100) }}
        end
            as conversion_pct,
        registry.leads_won,
        {{ ratio('registry.leads_won', 'registry.leads', 100) }} as cohort_conversion_pct,
        registry.leads_won_within_30d,
        -- a young cohort has had no time to buy: no share until its last lead has had 30 (90) days
        case
            when
                registry.is_ripe_30d
                then {{ ratio('registry.leads_won_within_30d', 'registry.leads', 100) }}
        end
            as won_within_30d_pct,
        registry.leads_won_within_90d,
        case
            when
                registry.is_ripe_90d
                then {{ ratio('registry.leads_won_within_90d', 'registry.leads', 100) }}
        end
            as won_within_90d_pct,
        registry.leads_converted,
        registry.leads_junk,
        registry.excluded_leads

    from counts as registry

)

select * from final
