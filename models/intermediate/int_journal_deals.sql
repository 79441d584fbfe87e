with

run_settings as (

    select * from {{ ref('int_run_settings') }}

),

deals as (

    select * from {{ ref('stg_journal__deals') }}

),

months as (

    select * from {{ ref('int_journal_months') }}
    where record_kind = 'deals' and is_used

),

channels as (

    select * from {{ ref('stg_reference__channels') }}

),

channel_names as (

    select
        lower(source_id) as spelling,
        channel_id
    from channels

    union all

    select
        lower(channel_id) as spelling,
        channel_id
    from channels

    union all

    select
        lower(channel_name) as spelling,
        channel_id
    from channels

),

known_channels as (

    select
        spelling,
        min({{ in_byte_order('channel_id') }}) as channel_id

    from channel_names

    group by spelling

),

loss_reasons as (

    select * from {{ ref('stg_reference__loss_reasons') }}

),

loss_reason_names as (

    select
        lower(loss_reason_id) as spelling,
        loss_reason_id,
        is_organisational
    from loss_reasons

    union all

    select
        lower(loss_reason_name) as spelling,
        loss_reason_id,
        is_organisational
    from loss_reasons

),

known_loss_reasons as (

    select
        spelling,
        min({{ in_byte_order('loss_reason_id') }}) as loss_reason_id,
        max(case when is_organisational then 1 else 0 end) = 1 as is_organisational

    from loss_reason_names

    group by spelling

),

-- up to go-live: a deal of the last month may have come after it
used as (

    select
        deals.*,
        months.known_until_at,
        deals.result <> 'open' and deals.closed_at < months.known_until_at as is_closed

    from deals

    inner join months
        on
            cast({{ dbt.date_trunc('month', to_local('deals.first_contact_at')) }} as date)
            = months.month_start
            and deals.first_contact_at < months.known_until_at

),

-- in the form in which fct_deals has the deals of the portal: no lead, no stages, no employee
final as (

    select
        'journal' as source,
        'journal_' || used.deal_no as deal_id,
        cast(null as {{ dbt.type_string() }}) as lead_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        'deal_journal_' || used.deal_no as thread_id,
        -- one spelling is one client, whatever its capitals
        'journal_' || lower(used.client_name) as client_id,
        coalesce(known_channels.channel_id, used.channel_name, 'unknown') as channel_id,
        'journal' as pipeline_id,
        'unknown' as employee_id,
        cast(null as {{ dbt.type_string() }}) as request_channel,
        cast(null as {{ dbt.type_string() }}) as stage_id,
        case
            when not used.is_closed then 'P'
            when used.result = 'won' then 'S'
            else 'F'
        end as semantic,
        used.first_contact_at as created_at,
        cast(null as timestamp) as moved_at,
        case when used.is_closed then used.closed_at end as close_at,
        false as has_known_lead,
        cast(null as timestamp) as lead_created_at,
        case when used.is_closed and used.result = 'won' then used.closed_at end as won_at,
        case when used.is_closed and used.result = 'lost' then used.closed_at end as lost_at,
        cast(null as {{ dbt.type_string() }}) as lost_from_stage_id,
        known_loss_reasons.loss_reason_id as journal_loss_reason_id,
        coalesce(known_loss_reasons.is_organisational, false) as is_organisational_in_journal,
        used.is_first_contact_known,
        used.known_until_at,
        coalesce(used.currency, run_settings.base_currency) as original_currency,
        coalesce(used.amount, 0) as original_amount,
        run_settings.as_of_date

    from used

    cross join run_settings

    left join known_channels
        on lower(used.channel_name) = known_channels.spelling

    left join known_loss_reasons
        on lower(used.loss_reason_name) = known_loss_reasons.spelling

)

select * from final
