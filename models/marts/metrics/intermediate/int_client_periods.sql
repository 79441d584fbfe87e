with

clients as (

    select * from {{ ref('dim_clients') }}

),

active_spans as (

    select
        active_spans.*,
        clients.known_until_at

    from {{ ref('int_client_active_spans') }} as active_spans

    inner join clients
        on active_spans.client_id = clients.client_id

),

periods as (

    select * from {{ ref('int_periods') }}

),

-- a span that overlaps the period either covers its start or begins with a purchase in it
spans_in_period as (

    select
        periods.period_key,
        periods.period_grain,
        periods.period_start,
        periods.period_start_at,
        periods.cutoff_at,
        active_spans.client_id,
        max(case when active_spans.span_start_at < periods.period_start_at then 1 else 0 end) = 1
            as is_active_at_start,
        -- who of a journal's clients stayed after its end nobody knows: they are judged at its end
        max(
            case
                when
                    active_spans.span_end_at
                    > least(periods.cutoff_at, active_spans.known_until_at)
                    then 1
                else 0
            end
        )
        = 1 as is_active_at_end

    from periods

    inner join active_spans
        on
            periods.cutoff_at > active_spans.span_start_at
            and periods.period_start_at < active_spans.span_end_at
            and coalesce(periods.period_start_at < active_spans.known_until_at, true)

    group by
        periods.period_key,
        periods.period_grain,
        periods.period_start,
        periods.period_start_at,
        periods.cutoff_at,
        active_spans.client_id

),

final as (

    select
        spans_in_period.period_key || '|' || spans_in_period.client_id as client_period_key,
        spans_in_period.period_key,
        spans_in_period.period_grain,
        spans_in_period.period_start,
        spans_in_period.client_id,
        clients.client_type,
        clients.channel_id,
        spans_in_period.is_active_at_start,
        clients.first_purchase_at >= spans_in_period.period_start_at as is_new,
        not spans_in_period.is_active_at_start
        and clients.first_purchase_at < spans_in_period.period_start_at as is_reactivated,
        spans_in_period.is_active_at_end,
        not spans_in_period.is_active_at_end
        and clients.last_purchase_at >= spans_in_period.cutoff_at as is_returned_later

    from spans_in_period

    inner join clients
        on spans_in_period.client_id = clients.client_id

)

select * from final
