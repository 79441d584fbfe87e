{#- kinds of record that are counted by the kind of request as well, and of which -#}
{%- set request_kinds = {
    'activities': ['call', 'email', 'form', 'chat', 'none'],
    'requests': ['call', 'email', 'form', 'chat'],
    'answers': ['call', 'email', 'form', 'chat'],
    'letters': ['call', 'email', 'form', 'chat'],
    'answered': ['call', 'email', 'form', 'chat'],
} -%}
{%- set record_kinds = [
    'activities',
    'answers',
    'letters',
    'answered',
    'telephony',
    'stage_history',
    'clients',
    'amounts',
    'lead_links',
    'leads_per_deal',
    'fruitless_demand',
] -%}
{%- set cost_types = ['marketing', 'crm', 'salary', 'other'] -%}

with

periods as (

    select * from {{ ref('int_periods') }}
    where period_grain = 'month'

),

demand_units as (

    select
        *,
        coalesce(request_channel, 'none') as request_kind,
        cast({{ dbt.date_trunc('month', 'created_date') }} as date) as month_start

    from {{ ref('fct_demand_units') }}

    where not is_excluded

),

deals as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'created_date') }} as date) as created_month,
        cast({{ dbt.date_trunc('month', 'won_date') }} as date) as won_month

    from {{ ref('fct_deals') }}

),

leads as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'created_date') }} as date) as month_start

    from {{ ref('fct_leads') }}

    where not is_excluded

),

requests as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'requested_date') }} as date) as month_start

    from {{ ref('fct_requests') }}

),

activities as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'happened_date') }} as date) as month_start

    from {{ ref('int_thread_activities') }}

),

threads as (

    select * from {{ ref('int_threads') }}

),

thread_acts as (

    select
        thread_id,
        month_start,
        happened_at,
        kind,
        is_touch,
        is_response

    from activities

    -- what was answered inside a chat of which no message was loaded is recorded nowhere
    where (is_touch or is_response) and not is_response_untimed and not is_response_unknown

    union all

    select
        thread_id,
        month_start,
        requested_at as happened_at,
        request_channel as kind,
        true as is_touch,
        false as is_response

    from requests

    -- those that the creation of a lead or deal began
    where
        request_id not like 'activity%'
        and request_id not like 'message%'
        -- a journal holds first answers, not each act: how many they were it does not say
        and source is distinct from 'journal'

),

numbered_acts as (

    select
        *,
        count(case when is_touch then 1 end) over (
            partition by thread_id
            order by happened_at
        ) as touches_so_far

    from thread_acts

),

-- a form is answered by a call: what people do counts for the kind by which the client reached out
acts_by_touch as (

    select
        *,
        coalesce(
            max(case when is_touch then kind end) over (partition by thread_id, touches_so_far),
            'none'
        ) as touch_kind,
        -- and a call that is picked up asks for nothing more
        max(case when is_touch and is_response then 1 else 0 end)
            over (partition by thread_id, touches_so_far)
        = 1 as is_picked_up

    from numbered_acts

),

deals_with_history as (

    select distinct entity_id as deal_id

    from {{ ref('int_stage_changes') }}

    where entity_type = 'deal'

),

cost_days as (

    select distinct
        cost_type,
        date_day,
        cast({{ dbt.date_trunc('month', 'date_day') }} as date) as month_start

    from {{ ref('fct_costs') }}

),

-- one row per record that is looked at: `counted` what there is of it, `base` of how much
records as (

    select
        'activities' as record_kind,
        demand_units.request_kind,
        demand_units.month_start,
        case when threads.thread_id is not null then 1 else 0 end as counted,
        1 as base

    from demand_units

    left join threads
        on demand_units.thread_id = threads.thread_id

    where demand_units.source is distinct from 'journal'

    union all

    select
        'requests' as record_kind,
        request_channel as request_kind,
        month_start,
        1 as counted,
        0 as base

    from requests

    union all

    -- requests of every kind are held against all demand
    select
        'requests' as record_kind,
        'all' as request_kind,
        month_start,
        0 as counted,
        1 as base

    from demand_units

    union all

    select
        'answers' as record_kind,
        touch_kind as request_kind,
        month_start,
        case when is_response then 1 else 0 end as counted,
        case when is_touch then 1 else 0 end as base

    from acts_by_touch

    where not is_picked_up

    union all

    select
        'letters' as record_kind,
        touch_kind as request_kind,
        month_start,
        case when is_response and kind in ('email', 'chat') then 1 else 0 end as counted,
        case when is_touch then 1 else 0 end as base

    from acts_by_touch

    union all

    select
        'answered' as record_kind,
        request_channel as request_kind,
        month_start,
        case when answer_status = 'answered' then 1 else 0 end as counted,
        1 as base

    from requests

    where answer_status <> 'unknown'

    union all

    select
        'telephony' as record_kind,
        'all' as request_kind,
        month_start,
        case when has_call_record then 1 else 0 end as counted,
        1 as base

    from activities

    where kind = 'call'

    union all

    select
        'stage_history' as record_kind,
        'all' as request_kind,
        deals.created_month as month_start,
        case when deals_with_history.deal_id is not null then 1 else 0 end as counted,
        1 as base

    from deals

    left join deals_with_history
        on deals.deal_id = deals_with_history.deal_id

    -- in a journal people write the day of the win itself, and know of no leads
    where deals.source is distinct from 'journal'

    union all

    select
        'clients' as record_kind,
        'all' as request_kind,
        won_month as month_start,
        case when client_id is not null then 1 else 0 end as counted,
        1 as base

    from deals

    where state = 'won'

    union all

    select
        'amounts' as record_kind,
        'all' as request_kind,
        won_month as month_start,
        case when amount > 0 then 1 else 0 end as counted,
        1 as base

    from deals

    where state = 'won'

    union all

    select
        'lead_links' as record_kind,
        'all' as request_kind,
        created_month as month_start,
        case when lead_id is not null then 1 else 0 end as counted,
        1 as base

    from deals

    where source is distinct from 'journal'

    union all

    select
        'leads_per_deal' as record_kind,
        'all' as request_kind,
        month_start,
        1 as counted,
        0 as base

    from leads

    union all

    select
        'leads_per_deal' as record_kind,
        'all' as request_kind,
        created_month as month_start,
        0 as counted,
        1 as base

    from deals

    where lead_id is not null

    union all

    -- all have had as long to be won
    select
        'fruitless_demand' as record_kind,
        'all' as request_kind,
        demand_units.month_start,
        case
            when
                demand_units.won_at < {{ dbt.dateadd('hour', 90 * 24, 'demand_units.created_at') }}
                then 0
            else 1
        end as counted,
        1 as base

    from demand_units

    union all

    select
        'costs_' || cost_type as record_kind,
        'all' as request_kind,
        month_start,
        1 as counted,
        0 as base

    from cost_days

),

counts_by_kind as (

    select
        record_kind,
        request_kind,
        month_start,
        sum(counted) as counted,
        sum(base) as base

    from records

    group by record_kind, request_kind, month_start

),

counts as (

    select
        record_kind,
        month_start,
        sum(counted) as counted,
        sum(base) as base

    from counts_by_kind

    group by record_kind, month_start

),

kinds as (

    {% for record_kind in record_kinds -%}
    select
        '{{ record_kind }}' as record_kind,
        'all' as request_kind
    union all
    {% endfor %}
    {%- for cost_type in cost_types -%}
    select
        'costs_{{ cost_type }}' as record_kind,
        'all' as request_kind
    union all
    {% endfor %}
    {%- for record_kind, kinds in request_kinds.items() -%}
    {%- set is_last_kind = loop.last -%}
    {%- for request_kind in kinds -%}
    select
        '{{ record_kind }}' as record_kind,
        '{{ request_kind }}' as request_kind
    {% if not (is_last_kind and loop.last) %}union all{% endif %}
    {% endfor %}
    {%- endfor %}

),

counted as (

    select
        kinds.record_kind,
        kinds.request_kind,
        periods.period_start as month_start,
        periods.is_complete,
        cast(
            coalesce(
                case
                    when kinds.request_kind = 'all' then counts.counted else counts_by_kind.counted
                end,
                0
            )
            as bigint
        ) as recorded,
        cast(
            case
                when kinds.record_kind like 'costs%'
                    then
                        {{ dbt.datediff('periods.period_start', 'periods.cutoff_date', 'day') }} + 1
                when
                    kinds.request_kind = 'all' or kinds.record_kind = 'requests'
                    then coalesce(counts.base, 0)
                else coalesce(counts_by_kind.base, 0)
            end as bigint
        ) as expected

    from kinds

    cross join periods

    left join counts
        on
            kinds.record_kind = counts.record_kind
            and periods.period_start = counts.month_start

    left join counts_by_kind
        on
            kinds.record_kind = counts_by_kind.record_kind
            and kinds.request_kind = counts_by_kind.request_kind
            and periods.period_start = counts_by_kind.month_start

),

final as (

    select
        record_kind
        || '|'
        || request_kind
        || '|'
        || cast(month_start as {{ dbt.type_string() }}) as coverage_key,
        month_start,
        is_complete,
        record_kind,
        request_kind,
        recorded,
        expected,
        {{ ratio('recorded', 'expected') }} as coverage

    from counted

)

select * from final
