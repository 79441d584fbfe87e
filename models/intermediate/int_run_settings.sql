{%- set tables = [
    ('deals', 'deals'),
    ('leads', 'leads'),
    ('deal_history', 'deal_stage_history'),
    ('lead_history', 'lead_status_history'),
    ('activities', 'activities'),
    ('messages', 'openline_messages'),
    ('calls', 'calls'),
    ('tasks', 'tasks'),
    ('currencies', 'currencies'),
] -%}

with

{% for name, table in tables -%}
{{ name }} as (

    select * from {{ ref('stg_bitrix24__' ~ table) }}

),

{% endfor -%}
-- only times that the portal itself writes: people plan the future in closing dates, starts and
-- deadlines
changes as (

    select greatest(created_at, moved_at, modified_at) as changed_at from deals
    union all
    select greatest(created_at, moved_at, modified_at) as changed_at from leads
    union all
    select changed_at from deal_history
    union all
    select changed_at from lead_history
    union all
    select greatest(created_at, modified_at) as changed_at from activities
    union all
    select sent_at as changed_at from messages
    union all
    select started_at as changed_at from calls
    union all
    select greatest(created_at, closed_at) as changed_at from tasks

),

{{ days_without_strays('usual_days', 'changes', 'changed_at', newest=true) }},

as_of as (

    select
        coalesce(
            {{ parse_timestamp("nullif('" ~ (var('as_of') or '') ~ "', '')") }}, max(last_at)
        ) as as_of_at

    from usual_days

),

data_end as (

    select
        as_of_at,
        -- everything up to and including as_of is known, and intervals are open at their end
        {{ dbt.dateadd('microsecond', 1, 'as_of_at') }} as data_end_at

    from as_of

),

portal_base_currency as (

    select min(currency) as currency

    from currencies

    where is_base

),

only_deal_currency as (

    select min(currency) as currency

    from deals

    having count(distinct currency) = 1

),

creations as (

    select created_at from leads
    union all
    select created_at from deals
    union all
    select created_at from activities
    union all
    select changed_at as created_at from deal_history
    union all
    select changed_at as created_at from lead_history

),

known_creations as (

    select creations.created_at

    from creations

    inner join data_end
        on creations.created_at < data_end.data_end_at

),

{{ days_without_strays('days_of_creation', 'known_creations', 'created_at', newest=false) }},

beginning as (

    select min(first_at) as first_at from days_of_creation

),

known_leads as (

    select
        leads.lead_id,
        {{ dbt.date_trunc('month', to_local('leads.created_at')) }} as created_month

    from leads

    inner join data_end
        on leads.created_at < data_end.data_end_at

    -- neither a lead nor a deal of a mistyped year makes an era
    inner join beginning
        on leads.created_at >= beginning.first_at

),

known_deals_without_lead as (

    select {{ dbt.date_trunc('month', to_local('deals.created_at')) }} as created_month

    from deals

    inner join data_end
        on deals.created_at < data_end.data_end_at

    inner join beginning
        on deals.created_at >= beginning.first_at

    -- a lead that is no more cannot stand for its deal
    left join known_leads
        on deals.lead_id = known_leads.lead_id

    where known_leads.lead_id is null

),

lead_era as (

    select
        count(*) as leads,
        min(created_month) as first_month,
        max(created_month) as last_month

    from known_leads

),

-- months of deals alone, before the first lead or after the last: a portal that changed between
-- leads and simple CRM has many, one whose clients merely also buy without a lead has none
deal_eras as (

    select
        count(
            distinct case
                when deals.created_month < lead_era.first_month then deals.created_month
            end
        )
            as months_before_leads,
        count(
            distinct case
                when deals.created_month > lead_era.last_month then deals.created_month
            end
        )
            as months_after_leads

    from lead_era

    left join known_deals_without_lead as deals
        on true

),

activity_count as (

    select count(*) as activities

    from activities

    inner join data_end
        on activities.created_at < data_end.data_end_at

),

settings as (

    select
        'run' as run_key,
        data_end.as_of_at,
        data_end.data_end_at,
        cast({{ to_local('data_end.as_of_at') }} as date) as as_of_date,
        coalesce(
            nullif('{{ var("base_currency") | upper }}', ''),
            portal_base_currency.currency,
            only_deal_currency.currency,
            -- ISO 4217 for no currency: a portal that names none has one, and need not say which
            'XXX'
        ) as base_currency,
        {% if var('demand_entity') == 'auto' -%}
        case
            when lead_era.leads = 0 then 'deal'
            when
                greatest(deal_eras.months_before_leads, deal_eras.months_after_leads)
                >= {{ var('min_comparison_months') }}
                then 'both'
            else 'lead'
        end as demand_entity,
        {%- else -%}
        '{{ var("demand_entity") }}' as demand_entity,
        {%- endif %}
        activity_count.activities > 0 as has_activities

    from data_end

    cross join portal_base_currency
    cross join lead_era
    cross join deal_eras
    cross join activity_count
    left join only_deal_currency
        on true

)

select * from settings
