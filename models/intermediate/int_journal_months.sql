{%- set go_live = date_var('crm_go_live_date') -%}

with

settings as (

    select
        data_end_at,
        {{ go_live }} as go_live_date,
        {{ to_utc('cast(' ~ go_live ~ ' as timestamp)') }} as go_live_at

    from {{ ref('int_run_settings') }}

),

journal_rows as (

    select
        'deals' as record_kind,
        first_contact_at as happened_at,
        closed_at as ended_at
    from {{ ref('stg_journal__deals') }}

    union all

    select
        'requests' as record_kind,
        requested_at as happened_at,
        answered_at as ended_at
    from {{ ref('stg_journal__requests') }}

),

-- after go-live it is the CRM that knows
rows_before as (

    select
        journal_rows.record_kind,
        cast({{ dbt.date_trunc('month', to_local('journal_rows.happened_at')) }} as date)
            as month_start,
        case when journal_rows.ended_at < settings.go_live_at then journal_rows.ended_at end
            as ended_at,
        journal_rows.happened_at

    from journal_rows

    inner join settings
        on
            journal_rows.happened_at < settings.go_live_at
            and journal_rows.happened_at < settings.data_end_at

),

-- what is written down is complete to the end of the last month in which anything was, and no
-- further than go-live
ends as (

    select
        rows_before.record_kind,
        least(
            min(settings.go_live_date),
            cast(
                {{ dbt.dateadd(
                    'month',
                    1,
                    dbt.date_trunc(
                        'month',
                        to_local('max(greatest(rows_before.happened_at, rows_before.ended_at))')
                    )
                ) }} as date
            )
        ) as known_until_date

    from rows_before

    cross join settings

    group by rows_before.record_kind

),

leads as (

    select
        lead_id,
        created_at
    from {{ ref('stg_bitrix24__leads') }}

),

own_rows as (

    select
        'deals' as record_kind,
        created_at as happened_at
    from leads

    union all

    select
        'deals' as record_kind,
        deals.created_at as happened_at

    from {{ ref('stg_bitrix24__deals') }} as deals

    left join leads
        on deals.lead_id = leads.lead_id

    where leads.lead_id is null

    union all

    select
        'requests' as record_kind,
        happened_at
    from {{ ref('int_thread_activities') }}
    where is_touch

),

own_months as (

    select
        own_rows.record_kind,
        cast({{ dbt.date_trunc('month', to_local('own_rows.happened_at')) }} as date)
            as month_start,
        count(*) as own_rows

    from own_rows

    inner join settings
        on own_rows.happened_at < settings.go_live_at

    group by
        own_rows.record_kind,
        cast({{ dbt.date_trunc('month', to_local('own_rows.happened_at')) }} as date)

),

journal_months as (

    select
        record_kind,
        month_start,
        count(*) as journal_rows

    from rows_before

    group by record_kind, month_start

),

-- a month has one record, the fuller one: rows of both would count a deal twice
final as (

    select
        journal_months.record_kind
        || '|' || cast(journal_months.month_start as {{ dbt.type_string() }}) as journal_month_key,
        journal_months.record_kind,
        journal_months.month_start,
        journal_months.journal_rows,
        coalesce(own_months.own_rows, 0) as own_rows,
        journal_months.journal_rows > coalesce(own_months.own_rows, 0) as is_used,
        {{ to_utc('cast(ends.known_until_date as timestamp)') }} as known_until_at

    from journal_months

    inner join ends
        on journal_months.record_kind = ends.record_kind

    left join own_months
        on
            journal_months.record_kind = own_months.record_kind
            and journal_months.month_start = own_months.month_start

)

select * from final
