{%- set cost_types = ['marketing', 'crm'] -%}
{%- set sides = ['first', 'second'] -%}

with

metric_catalog as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

metric_values as (

    select * from {{ ref('metric_values') }}

),

metric_cac as (

    select * from {{ ref('metric_cac') }}
    where segment_type = 'all'

),

scorecard as (

    select * from {{ ref('crm_scorecard') }}

),

-- a difference between what was recorded and what was not is nobody's doing
compared_periods as (

    select compared_periods.*

    from {{ ref('int_effect_compared_periods') }} as compared_periods

    left join scorecard
        on compared_periods.metric_code = scorecard.metric_code

    where
        compared_periods.comparison = 'year_over_year'
        or scorecard.status not in ('no_data', 'not_comparable')

),

-- numerics, so that sums do not depend on the order of rows; what a new client costs is the sum of
-- its kinds of cost: they are members too
cells as (

    select
        metric_code,
        period_grain,
        period_start,
        segment_type,
        segment_id,
        segment_name,
        value,
        value_status,
        cast(numerator as numeric(38, 9)) as numerator,
        cast(denominator as numeric(38, 9)) as denominator

    from metric_values

    {% for cost_type in cost_types %}
    union all

    select
        'cac' as metric_code,
        period_grain,
        period_start,
        'cost_type' as segment_type,
        '{{ cost_type }}' as segment_id,
        '{{ cost_type }}' as segment_name,
        {{ ratio(cost_type ~ '_cost', 'new_clients') }} as value,
        value_status,
        cast({{ cost_type }}_cost as numeric(38, 9)) as numerator,
        cast(new_clients as numeric(38, 9)) as denominator

    from metric_cac
    {% endfor %}

),

-- ratios of sums; what is a state counts as it is at the end
sums as (

    select
        compared_periods.comparison_key,
        compared_periods.metric_code,
        compared_periods.comparison,
        compared_periods.period_grain,
        cells.segment_type,
        cells.segment_id,
        {% for side in sides %}
        max(case when compared_periods.side = '{{ side }}' then compared_periods.periods end)
            as {{ side }}_periods,
        max(case when compared_periods.side = '{{ side }}' then compared_periods.first_start end)
            as {{ side }}_from,
        max(case when compared_periods.side = '{{ side }}' then compared_periods.last_start end)
            as {{ side }}_to,
        count(case when compared_periods.side = '{{ side }}' then cells.value end) > 0
            as has_{{ side }}_value,
        coalesce(sum(case when compared_periods.side = '{{ side }}' then cells.numerator end), 0)
            as {{ side }}_numerator,
        coalesce(sum(case when compared_periods.side = '{{ side }}' then cells.denominator end), 0)
            as {{ side }}_denominator,
        {% endfor %}
        max(case when cells.value_status = 'history_too_short' then 1 else 0 end)
            as is_history_too_short,
        max(cells.segment_name) as segment_name

    from compared_periods

    inner join metric_catalog
        on compared_periods.metric_code = metric_catalog.metric_code

    inner join cells
        on
            compared_periods.metric_code = cells.metric_code
            and compared_periods.period_grain = cells.period_grain
            and compared_periods.period_start = cells.period_start

    where
        metric_catalog.basis <> 'end'
        or compared_periods.period_start = compared_periods.last_start

    group by
        compared_periods.comparison_key,
        compared_periods.metric_code,
        compared_periods.comparison,
        compared_periods.period_grain,
        cells.segment_type,
        cells.segment_id

),

-- each member beside the company that it is a part of; by a window, since PostgreSQL takes the sums
-- for two rows, and a join would look through all of them for each member. Who seems new because
-- the data begin has moved nothing, nor has who therefore seems to return
known as (

    select
        *,
        {% for side in sides %}
        {% for column in ['from', 'to', 'periods', 'numerator', 'denominator'] %}
        max(
            case when segment_type = 'all' and has_{{ side }}_value then {{ side }}_{{ column }} end
        ) over (partition by comparison_key) as company_{{ side }}_{{ column }},
        {% endfor %}
        {% endfor %}
        max(is_history_too_short) over (partition by comparison_key, segment_type) = 0
        or segment_type = 'all'
            as is_history_long_enough

    from sums

),

-- a sum is compared by its average month
members as (

    select
        known.comparison_key || '|' || known.segment_type || '|' || known.segment_id
            as metric_contribution_key,
        known.metric_code,
        known.comparison,
        known.period_grain,
        known.segment_type,
        known.segment_id,
        known.segment_name,
        {% for side in sides %}
        known.company_{{ side }}_from as {{ side }}_from,
        known.company_{{ side }}_to as {{ side }}_to,
        {{ ratio(
            'known.company_' ~ side ~ '_numerator', 'known.company_' ~ side ~ '_denominator'
        ) }}
            as company_{{ side }}_ratio,
        cast(known.company_{{ side }}_denominator as {{ type_double() }})
            as company_{{ side }}_denominator,
        known.has_{{ side }}_value,
        cast(known.{{ side }}_numerator as {{ type_double() }})
        / case when metric_catalog.basis = 'sum' then known.company_{{ side }}_periods else 1 end
            as {{ side }}_numerator,
        cast(known.{{ side }}_denominator as {{ type_double() }})
            as {{ side }}_denominator,
        {% endfor %}
        case when metric_catalog.unit = 'percent' then 100 else 1 end as scale,
        metric_catalog.basis = 'sum' as is_sum

    from known

    inner join metric_catalog
        on known.metric_code = metric_catalog.metric_code

    -- who had no case on either side has moved nothing
    where
        known.is_history_long_enough
        and known.company_first_from is not null
        and known.company_second_from is not null
        and (
            known.first_numerator <> 0
            or known.first_denominator <> 0
            or known.second_numerator <> 0
            or known.second_denominator <> 0
        )

),

final as (

    select
        metric_contribution_key,
        metric_code,
        comparison,
        period_grain,
        first_from,
        first_to,
        second_from,
        second_to,
        segment_type,
        segment_id,
        segment_name,
        {% for side in sides %}
        case
            when not has_{{ side }}_value then null
            when is_sum then {{ side }}_numerator
            else {{ ratio(side ~ '_numerator', side ~ '_denominator', 'scale') }}
        end as {{ side }}_value,
        {{ side }}_numerator,
        case when not is_sum then {{ side }}_denominator end as {{ side }}_denominator,
        {% endfor %}
        case
            when is_sum then second_numerator - first_numerator
            else
                scale * (
                    (second_numerator - company_first_ratio * second_denominator)
                    / nullif(company_second_denominator, 0)
                    - (first_numerator - company_first_ratio * first_denominator)
                    / nullif(company_first_denominator, 0)
                )
        end as contribution

    from members

)

select * from final
