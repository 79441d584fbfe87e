{%- set first_contact = 'case when with_dates.is_first_contact_known then '
    ~ 'least(with_dates.created_at, with_dates.lead_created_at, threads.first_touch_at) end' -%}
{%- set loss_reason
    = "coalesce(loss_reasons.loss_reason_id, with_dates.journal_loss_reason_id, 'unknown')" -%}

with

settings as (

    select * from {{ ref('int_run_settings') }}

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}

),

states as (

    select * from {{ ref('int_entity_states') }}

),

known_leads as (

    select leads.*

    from {{ ref('stg_bitrix24__leads') }} as leads

    inner join settings
        on leads.created_at < settings.data_end_at

),

contacts as (

    select * from {{ ref('stg_bitrix24__contacts') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

stages as (

    select * from {{ ref('int_stages') }}

),

threads as (

    select * from {{ ref('int_threads') }}

),

recorded_months as (

    select * from {{ ref('int_recorded_months') }}

),

loss_reasons as (

    select * from {{ ref('stg_reference__loss_reasons') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

with_state as (

    select
        'bitrix24' as source,
        deals.deal_id,
        deals.lead_id,
        deals.contact_id,
        coalesce('lead_' || deals.lead_id, 'deal_' || deals.deal_id) as thread_id,
        coalesce(
            'company_' || deals.company_id,
            'company_' || contacts.company_id,
            'contact_' || deals.contact_id
        ) as client_id,
        coalesce(lead_sources.channel_id, sources.channel_id, 'unknown') as channel_id,
        coalesce(deals.pipeline_id, stages.pipeline_id) as pipeline_id,
        coalesce(deals.employee_id, 'unknown') as employee_id,
        sources.request_channel,
        states.stage_id,
        states.semantic,
        deals.created_at,
        deals.moved_at,
        deals.close_at,
        known_leads.lead_id is not null as has_known_lead,
        known_leads.created_at as lead_created_at,
        case when states.semantic = 'S' then states.finished_at end as won_at,
        case when states.semantic = 'F' then states.finished_at end as lost_at,
        case when states.semantic = 'F' then states.last_stage_in_progress_id end
            as lost_from_stage_id,
        cast(null as {{ dbt.type_string() }}) as journal_loss_reason_id,
        false as is_organisational_in_journal,
        true as is_first_contact_known,
        cast(null as timestamp) as known_until_at,
        coalesce(deals.currency, settings.base_currency) as original_currency,
        coalesce(deals.amount, 0) as original_amount,
        settings.as_of_date,
        deals.utm_source,
        deals.utm_medium,
        deals.utm_campaign

    from deals

    inner join states
        on
            deals.deal_id = states.entity_id
            and states.entity_type = 'deal'

    inner join stages
        on
            deals.stage_id = stages.stage_id
            and stages.entity_type = 'deal'

    cross join settings

    left join known_leads
        on deals.lead_id = known_leads.lead_id

    left join sources as lead_sources
        on known_leads.source_id = lead_sources.source_id

    left join contacts
        on deals.contact_id = contacts.contact_id

    left join sources
        on deals.source_id = sources.source_id

    union all

    -- what the company wrote down before it had a CRM
    select
        *,
        cast(null as {{ dbt.type_string() }}) as utm_source,
        cast(null as {{ dbt.type_string() }}) as utm_medium,
        cast(null as {{ dbt.type_string() }}) as utm_campaign
    from {{ ref('int_journal_deals') }}

),

with_dates as (

    select
        *,
        cast({{ to_local('created_at') }} as date) as created_date,
        -- where a lead is known, the demand came with it
        cast(
            {{ dbt.date_trunc('month', to_local('coalesce(lead_created_at, created_at)')) }} as date
        ) as demand_month,
        cast({{ to_local('won_at') }} as date) as won_date,
        cast({{ to_local('lost_at') }} as date) as lost_date,
        -- money of a closed deal is converted on the day of its closing, of an open one today
        coalesce(cast({{ to_local('coalesce(won_at, lost_at)') }} as date), as_of_date) as rate_date

    from with_state

),

first_wins as (

    select
        client_id,
        min(won_at) as first_won_at

    from with_state

    where client_id is not null and won_at is not null

    group by client_id

),

final as (

    select
        with_dates.deal_id,
        with_dates.lead_id,
        with_dates.has_known_lead,
        with_dates.thread_id,
        with_dates.client_id,
        case
            when with_dates.client_id like 'company%' then 'company'
            when with_dates.client_id like 'contact%' then 'person'
            else 'unknown'
        end as client_type,
        case
            when
                first_wins.first_won_at
                < coalesce(with_dates.lead_created_at, with_dates.created_at)
                then 'returning'
            else 'new'
        end as client_history,
        with_dates.channel_id,
        with_dates.pipeline_id,
        with_dates.employee_id,
        with_dates.stage_id,
        case with_dates.semantic
            when 'S' then 'won'
            when 'F' then 'lost'
            else 'open'
        end as state,
        with_dates.created_at,
        with_dates.created_date,
        {{ local_hour('with_dates.created_at') }} as created_hour,
        {{ first_contact }} as first_contact_at,
        cast({{ to_local(first_contact) }} as date) as first_contact_date,
        {{ local_hour(first_contact) }} as first_contact_hour,
        with_dates.won_at,
        with_dates.won_date,
        {{ local_hour('with_dates.won_at') }} as won_hour,
        with_dates.lost_at,
        with_dates.lost_date,
        {{ local_hour('with_dates.lost_at') }} as lost_hour,
        with_dates.lost_from_stage_id as lost_from_stage,
        case
            when with_dates.semantic = 'F' then {{ loss_reason }}
        end
            as loss_reason_id,
        -- a loss that nobody ever answered is the company's own doing, whatever reason was entered;
        -- in a month in which nothing was recorded nobody can say, nor of what a journal holds
        with_dates.semantic = 'F'
        and (
            coalesce(loss_reasons.is_organisational, false)
            or with_dates.is_organisational_in_journal
            or (
                recorded_months.month_start is not null
                and with_dates.source <> 'journal'
                and not coalesce(threads.may_have_response, false)
            )
        ) as is_organisational_loss,
        cast(
            cast(with_dates.original_amount as numeric(18, 4)) * exchange_rates.rate
            as numeric(28, 6)
        ) as amount,
        cast(with_dates.original_amount as numeric(28, 6)) as original_amount,
        with_dates.original_currency,
        with_dates.rate_date,
        cast(
            {{ microseconds_between(first_contact, 'with_dates.won_at') }} as {{ type_double() }}
        ) / 86400000000 as cycle_days,
        with_dates.request_channel,
        with_dates.contact_id,
        with_dates.moved_at,
        with_dates.close_at,
        cast({{ to_local('with_dates.close_at') }} as date) as close_date,
        with_dates.source,
        with_dates.known_until_at,
        with_dates.utm_source,
        with_dates.utm_medium,
        with_dates.utm_campaign

    from with_dates

    left join first_wins
        on with_dates.client_id = first_wins.client_id

    left join recorded_months
        on with_dates.demand_month = recorded_months.month_start

    left join threads
        on with_dates.thread_id = threads.thread_id

    left join loss_reasons
        on
            with_dates.stage_id = loss_reasons.stage_id
            and loss_reasons.entity_type = 'deal'

    left join exchange_rates
        on
            with_dates.original_currency = exchange_rates.currency
            and with_dates.rate_date >= exchange_rates.valid_from
            and with_dates.rate_date < exchange_rates.valid_before

)

select * from final
