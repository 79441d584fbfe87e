{#- money stands on the costs that are set off against it -#}
{#- letters each time that a client reached out: fewer are no way to answer a kind of request -#}
{%- set few_letters = 0.05 -%}
{%- set money_kinds = 'costs_marketing costs_salary costs_other' -%}

with

metric_catalog as (

    select
        metric_code,
        record_kinds

    from {{ ref('stg_reference__metric_catalog') }}

    union all

    select
        'net_effect' as metric_code,
        '{{ money_kinds }}' as record_kinds

),

coverage as (

    select * from {{ ref('recording_coverage') }}

),

record_kinds as (

    select distinct
        record_kind,
        request_kind

    from coverage

),

window_months as (

    select * from {{ ref('int_effect_window_months') }}
    where basis = 'comparable' and is_compared

),

compared_kinds as (

    select distinct
        metric_code,
        request_kind

    from {{ ref('int_effect_months') }}

    where basis = 'comparable'

),

-- a record that is not counted by the kind of request is counted over all
needed as (

    select distinct
        compared_kinds.metric_code,
        compared_kinds.request_kind,
        over_all.record_kind,
        coalesce(of_kind.request_kind, 'all') as coverage_kind

    from compared_kinds

    inner join metric_catalog
        on compared_kinds.metric_code = metric_catalog.metric_code

    inner join record_kinds as over_all
        on ' ' || metric_catalog.record_kinds || ' ' like '% ' || over_all.record_kind || ' %'

    left join record_kinds as of_kind
        on
            over_all.record_kind = of_kind.record_kind
            and compared_kinds.request_kind = of_kind.request_kind

),

-- whether letters are written down does not depend on what they answer: over all as well
needed_and_all_letters as (

    select * from needed

    union distinct

    select
        metric_code,
        request_kind,
        record_kind,
        'all' as coverage_kind

    from needed

    where record_kind = 'letters'

),

windows as (

    select
        needed.metric_code,
        needed.request_kind,
        needed.record_kind,
        needed.coverage_kind,
    {% for window in ['before', 'after'] -%}
        {{ ratio(
            "sum(coverage.recorded) filter (where window_months.window_name = '" ~ window ~ "')",
            "sum(coverage.expected) filter (where window_months.window_name = '" ~ window ~ "')"
        ) }} as {{ window }}_coverage{{ ',' if not loop.last }}
    {% endfor %}

    from needed_and_all_letters as needed

    inner join window_months
        on needed.metric_code = window_months.metric_code

    inner join coverage
        on
            needed.record_kind = coverage.record_kind
            and needed.coverage_kind = coverage.request_kind
            and window_months.period_start = coverage.month_start

    group by needed.metric_code, needed.request_kind, needed.record_kind, needed.coverage_kind

),

final as (

    select
        windows.metric_code
        || '|'
        || windows.request_kind
        || '|'
        || windows.record_kind as effect_coverage_key,
        windows.metric_code,
        windows.request_kind,
        windows.record_kind,
        windows.before_coverage,
        windows.after_coverage,
        coalesce(
            least(windows.before_coverage, windows.after_coverage)
            * case
                -- fewer acts a client written down make each answer later, long before half is
                -- missing; and a CRM that works moves their number little
                when windows.record_kind in ('answers', 'letters')
                    then {{ var('max_answers_ratio') }}
                else {{ var('max_coverage_ratio') }}
            end
            >= greatest(windows.before_coverage, windows.after_coverage),
            true
        )
        or (
            windows.record_kind = 'letters'
            and own_letters.metric_code is not null
            and coalesce(greatest(own_letters.before_coverage, own_letters.after_coverage), 0)
            < {{ few_letters }}
        ) as is_alike

    from windows

    -- how often a request of this kind is answered by one
    left join windows as own_letters
        on
            windows.metric_code = own_letters.metric_code
            and windows.request_kind = own_letters.request_kind
            and own_letters.record_kind = 'letters'
            and own_letters.coverage_kind <> 'all'

    where windows.record_kind <> 'letters' or windows.coverage_kind = 'all'

)

select * from final
