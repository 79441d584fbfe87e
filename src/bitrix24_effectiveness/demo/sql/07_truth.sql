-- What the plan comes to in the two windows, read from the plan and not from the raw tables:
-- one row per metric with its value and the number of cases behind it, before and after.

create or replace temp table truth_windows as
select * from (values
    ('before', epoch(timestamp '2024-05-01')::bigint, epoch(timestamp '2025-05-01')::bigint),
    ('after', epoch(timestamp '2025-11-01')::bigint, epoch(timestamp '2026-11-01')::bigint)
) as windows (window_name, window_start, window_end);

create or replace temp table truth_months as
select
    windows.window_name,
    epoch(months.month_start)::bigint as month_start,
    epoch(months.month_start + interval 1 month)::bigint as month_end

from range(timestamp '2024-05-01', timestamp '2026-11-01', interval 1 month) as months (month_start)

inner join truth_windows as windows
    on
        epoch(months.month_start) >= windows.window_start
        and epoch(months.month_start) < windows.window_end;

create or replace temp table truth_won_deals as
select
    cases.client_no,
    not cases.is_without_client as has_client,
    deals.moved_at as won_at,
    cases.amount_rub,
    (
        deals.moved_at - case
            when cases.touch_kind in ('call', 'email', 'form', 'chat') and not cases.is_backfilled
                then cases.started_at
            when cases.is_lead then cases.lead_created_at
            else cases.deal_created_at
        end
    ) / 86400.0 as cycle_days

from plan_cases as cases

inner join plan_deals as deals
    on cases.deal_id = deals.deal_id

where deals.semantic_id = 'S';

-- a client is active for 180 days after each purchase
create or replace temp table truth_purchases as
select
    client_no,
    won_at,
    amount_rub,
    lag(won_at) over purchases_of_client as previous_won_at,
    least(
        won_at + 180 * 86400,
        coalesce(lead(won_at) over purchases_of_client, 9000000000000)
    ) as active_to,
    lead(won_at) over purchases_of_client as next_won_at

from truth_won_deals

where has_client

window purchases_of_client as (partition by client_no order by won_at);

create or replace temp table truth_leads as
select
    cases.lead_created_at,
    coalesce(deals.semantic_id = 'S', false) as is_won,
    case
        when deals.deal_id is not null
            then
                deals.semantic_id = 'F'
                and split_part(deals.stage_id, ':', -1) in ('UC_STOCK', 'UC_NOANSWER', 'UC_SLOW')
        else
            leads.semantic_id = 'F'
            and (
                leads.status_id = 'UC_NOANSWER'
                or coalesce(cases.responded_at, getvariable('end_second'))
                >= getvariable('end_second')
            )
    end as is_lost_by_us

from plan_cases as cases

inner join plan_leads as leads
    on cases.lead_id = leads.lead_id

left join plan_deals as deals
    on cases.deal_id = deals.deal_id

where leads.status_id not in ('UC_SPAM', 'UC_DUPLICATE', 'UC_TEST');

create or replace temp table truth_values as
with

won as (

    select
        windows.window_name,
        count(*) as deals,
        avg(deals.amount_rub) as average_amount,
        avg(deals.cycle_days) as average_cycle_days
    from truth_windows as windows
    inner join truth_won_deals as deals
        on deals.won_at >= windows.window_start and deals.won_at < windows.window_end
    group by windows.window_name

),

demand as (

    select
        windows.window_name,
        count(*) as leads
    from truth_windows as windows
    inner join truth_leads as leads
        on
            leads.lead_created_at >= windows.window_start
            and leads.lead_created_at < windows.window_end
    group by windows.window_name

),

responses as (

    select
        windows.window_name,
        count(*) as requests,
        avg((requests.responded_at - requests.started_at) / 60.0) as average_minutes
    from truth_windows as windows
    inner join plan_requests as requests
        on
            requests.started_at >= windows.window_start
            and requests.started_at < windows.window_end
    where requests.responded_at < getvariable('end_second')
    group by windows.window_name

),

-- months of a window together: the weights are the clients
client_months as (

    select
        months.window_name,
        purchases.client_no,
        months.month_start,
        max(case
            when purchases.won_at < months.month_start and purchases.active_to > months.month_start
                then 1
            else 0
        end) as is_at_start,
        max(case when purchases.active_to > months.month_end then 1 else 0 end) as is_at_end,
        max(case
            when purchases.won_at >= months.month_start and purchases.previous_won_at is null
                then 1
            else 0
        end) as is_new

    from truth_months as months

    inner join truth_purchases as purchases
        on
            purchases.won_at < months.month_end
            and purchases.active_to > months.month_start

    group by months.window_name, months.month_start, purchases.client_no

),

loyalty as (

    select
        window_name,
        sum(is_at_start) as clients_at_start,
        count(*) as clients_in_period,
        sum(is_new) as new_clients,
        100.0 * sum(is_at_start * is_at_end) / sum(is_at_start) as retention_pct,
        100.0 * sum(1 - is_at_end) / count(*) as churn_pct
    from client_months
    group by window_name

),

in_window as (

    select
        windows.window_name,
        sum(case when purchases.won_at >= windows.window_start then 1 else 0 end) as purchases,
        sum(case when purchases.won_at >= windows.window_start then purchases.amount_rub end)
            as revenue,
        sum(
            greatest(
                0,
                least(purchases.active_to, windows.window_end)
                - greatest(purchases.won_at, windows.window_start)
            )
        ) as active_seconds,
        sum(least(purchases.active_to, windows.window_end) - purchases.won_at)
            as lifetime_seconds,
        count(distinct purchases.client_no) as clients

    from truth_windows as windows

    inner join truth_purchases as purchases
        on purchases.won_at < windows.window_end

    group by windows.window_name

),

lost_by_month as (

    select
        months.window_name,
        months.month_start,
        (
            select avg(deals.amount_rub)
            from truth_won_deals as deals
            where deals.won_at >= months.month_start and deals.won_at < months.month_end
        ) as unit_price,
        (
            select count(*)
            from truth_leads as leads
            where
                leads.lead_created_at >= months.month_start
                and leads.lead_created_at < months.month_end
                and leads.is_lost_by_us
                and not leads.is_won
        ) as lost_leads
    from truth_months as months

),

lost as (

    select
        window_name,
        sum(lost_leads) as lost_leads,
        sum(unit_price * lost_leads) as lost_sales
    from lost_by_month
    group by window_name

)

select
    window_name,
    unnest([
        'conversion', 'response_time', 'retention', 'churn', 'cac', 'sales_cycle', 'ltv',
        'average_deal_size', 'automation_level', 'lost_sales'
    ]) as metric_code,
    unnest([
        100.0 * won.deals / demand.leads,
        responses.average_minutes,
        loyalty.retention_pct,
        loyalty.churn_pct,
        case window_name
            when 'before' then getvariable('costs_before')
            else getvariable('costs_after')
        end / loyalty.new_clients,
        won.average_cycle_days,
        in_window.revenue / in_window.active_seconds
        * in_window.lifetime_seconds / in_window.clients,
        won.average_amount,
        case window_name
            when 'before' then getvariable('automation_before')
            else getvariable('automation_after')
        end,
        lost.lost_sales / demand.leads
    ]) as metric_value,
    unnest([
        demand.leads,
        responses.requests,
        loyalty.clients_at_start,
        loyalty.clients_in_period,
        loyalty.new_clients,
        won.deals,
        in_window.clients,
        won.deals,
        20,
        demand.leads
    ]) as cases

from won

inner join demand using (window_name)

inner join responses using (window_name)

inner join loyalty using (window_name)

inner join in_window using (window_name)

inner join lost using (window_name);
