-- What the journal says of each metric month by month, by the rules of 11.2: a month counts once all of its
-- rows have had their time. `scale` turns the ratio into the unit of the metric.
with

deals as (

    select
        lower(client) as client,
        try_cast(first_contact_date as timestamp) as first_contact_at,
        case when result <> 'open' then try_cast(closed_date as timestamp) end as closed_at,
        result,
        coalesce(try_cast(amount as double), 0) as amount
    from journal_deals
    where result in ('won', 'lost', 'open')

),

requests as (

    select
        try_cast(requested_at as timestamp) as requested_at,
        try_cast(answered_at as timestamp) as answered_at
    from journal_requests
    where try_cast(requested_at as timestamp) is not null

),

ends as (

    select
        least($today, (
            select date_trunc('month', max(greatest(first_contact_at, closed_at)))
                + interval 1 month
            from deals
        )) as deals_end,
        least($today, (
            select date_trunc('month', max(greatest(requested_at, answered_at)))
                + interval 1 month
            from requests
        )) as requests_end

),

purchases as (

    select
        client,
        closed_at,
        lead(closed_at) over (partition by client order by closed_at) as next_at,
        row_number() over (partition by client order by closed_at) = 1 as is_first,
        (select min(closed_at) from deals where result = 'won') as history_start_at
    from deals
    where result = 'won' and closed_at is not null and client is not null

),

months as (

    select
        'conversion' as metric_code,
        date_trunc('month', first_contact_at) as month_start,
        count(*) filter (
            where result = 'won' and closed_at < first_contact_at + interval 90 day
        ) as numerator,
        count(*) as denominator,
        100 as scale,
        90 as follow_up_days
    from deals
    where first_contact_at is not null
    group by all

    union all

    select
        'sales_cycle',
        date_trunc('month', first_contact_at),
        sum(date_diff('second', first_contact_at, closed_at)) / 86400.0,
        count(*),
        1,
        $cycle_days
    from deals
    where result = 'won' and closed_at < first_contact_at + to_days($cycle_days)
    group by all

    union all

    select 'average_deal_size', date_trunc('month', closed_at), sum(amount), count(*), 1, 0
    from deals
    where result = 'won' and closed_at is not null
    group by all

    union all

    select
        'retention',
        date_trunc('month', closed_at),
        count(*) filter (where next_at < closed_at + to_days($inactivity_days)),
        count(*),
        100,
        $inactivity_days
    from purchases
    group by all

    union all

    select
        'churn',
        date_trunc('month', closed_at),
        count(*) - count(*) filter (where next_at < closed_at + to_days($inactivity_days)),
        count(*),
        100,
        $inactivity_days
    from purchases
    group by all

    union all

    select
        'response_time',
        date_trunc('month', requested_at),
        sum(date_diff('second', requested_at, answered_at)) / 60.0,
        count(*),
        1,
        $response_days
    from requests
    where answered_at < requested_at + to_days($response_days)
    group by all

)

select
    months.metric_code,
    cast(months.month_start as date) as month_start,
    cast(months.numerator as double) as numerator,
    cast(months.denominator as double) as denominator,
    months.scale
from months
cross join ends
where
    months.month_start + interval 1 month + to_days(months.follow_up_days)
    <= case
        when months.metric_code = 'response_time' then ends.requests_end else ends.deals_end
    end
order by months.metric_code, months.month_start
