{#-
  The ten figures of a demo portal, as somebody would write them who knows the portal and wants nothing else: no
  rejected rows, no findings, no history, no tests. Reads the raw tables of catalog `raw` and the files of `seeds`, leaves the table `figures`. `segments`: all segment types, else only the whole portal.
-#}
{%- macro seed(name) -%}
    read_csv('{{ seeds[name] }}', header = true, all_varchar = true)
{%- endmacro -%}
{%- macro cell(types) -%}
    {% if segments %}case
        {%- for type in types %} when {{ type }} is not null then '{{ type }}|' || {{ type }}{% endfor %} else 'all|all' end
    {%- else %}'all|all'{% endif %}
{%- endmacro -%}
{%- macro sets(period, types) -%}
    grouping sets (({{ period }}){% if segments %}{% for type in types %}, ({{ period }}, {{ type }}){% endfor %}{% endif %})
{%- endmacro -%}
create temp macro utc(text) as make_timestamp(epoch_us(cast(nullif(text, '') as timestamptz)));
create temp macro number(text) as nullif(try_cast(text as bigint), 0);
create temp macro local(instant) as instant at time zone 'UTC' at time zone 'Europe/Moscow';
create temp macro month_of(instant) as cast(date_trunc('month', local(instant)) as date);
create temp macro midnight(day) as cast(day as timestamp) at time zone 'Europe/Moscow' at time zone 'UTC';

create temp table channels as
select source_id, channel_id, channel_name, request_channel from {{ seed('channels') }};

-- a row is delivered more than once: its newest version counts
create temp table contacts as
select number(id) as contact_id, number(company_id) as company_id
from raw.bitrix24.crm_contact
qualify row_number() over (partition by id order by date_modify desc) = 1;

create temp table leads as
select
    number(leads.id) as lead_id,
    coalesce(channels.channel_id, nullif(leads.source_id, ''), 'unknown') as channel,
    coalesce(nullif(nullif(leads.assigned_by_id, '0'), ''), 'unknown') as employee,
    {%- if segments %}
    coalesce(
        coalesce(number(leads.company_id), contacts.company_id) * 2, number(leads.contact_id) * 2 + 1
    ) as lead_client_key,
    {%- endif %}
    channels.request_channel,
    leads.status_id,
    coalesce(outcomes.outcome, case leads.status_semantic_id when 'F' then 'junk' else 'open' end) as outcome,
    utc(leads.date_create) as created_at,
    greatest(utc(leads.date_create), utc(leads.moved_time), utc(leads.date_modify)) as changed_at
from (
    select
        id, source_id, assigned_by_id, status_id, status_semantic_id, date_create, moved_time, date_modify,
        company_id, contact_id
    from raw.bitrix24.crm_lead
    where date_create <> ''
    qualify row_number() over (partition by id order by date_modify desc) = 1
) as leads
left join channels using (source_id)
{%- if segments %}
left join contacts on number(leads.contact_id) = contacts.contact_id
{%- endif %}
left join {{ seed('lead_outcomes') }} as outcomes using (status_id);

create temp table raw_deals as
select
    number(deals.id) as deal_id,
    number(deals.lead_id) as lead_id,
    coalesce(number(deals.company_id), contacts.company_id) * 2 as company_key,
    number(deals.contact_id) * 2 + 1 as contact_key,
    coalesce(channels.channel_id, nullif(deals.source_id, '')) as own_channel,
    deals.category_id as pipeline,
    coalesce(nullif(nullif(deals.assigned_by_id, '0'), ''), 'unknown') as employee,
    deals.stage_id,
    deals.stage_semantic_id as semantic,
    coalesce(nullif(deals.currency_id, ''), 'RUB') as currency,
    cast(deals.opportunity as decimal(18, 4)) as original_amount,
    utc(deals.date_create) as created_at,
    coalesce(utc(deals.moved_time), utc(deals.closedate), utc(deals.date_modify)) as moved_at,
    greatest(utc(deals.date_create), utc(deals.moved_time), utc(deals.date_modify)) as changed_at
from (
    select
        id, lead_id, company_id, contact_id, source_id, category_id, assigned_by_id, stage_id, stage_semantic_id,
        currency_id, opportunity, date_create, moved_time, closedate, date_modify
    from raw.bitrix24.crm_deal
    where try_cast(opportunity as decimal(18, 4)) is not null and is_recurring <> 'Y'
    qualify row_number() over (partition by id order by date_modify desc) = 1
) as deals
left join channels using (source_id)
left join contacts on number(deals.contact_id) = contacts.contact_id;

create temp table calls as
select
    activity_id,
    min(started_at) as started_at,
    bool_or(is_connected) as is_connected,
    arg_min(employee, (started_at, length(id), id)) filter (where is_connected) as employee,
    max(started_at) as changed_at
from (
    select
        id,
        number(crm_activity_id) as activity_id,
        nullif(nullif(portal_user_id, '0'), '') as employee,
        utc(call_start_date) as started_at,
        coalesce(nullif(call_failed_code, '') = '200', cast(call_duration as double) > 0, false) and call_type <> '5'
            as is_connected
    from raw.bitrix24.telephony_call
)
group by activity_id;

create temp table bots as select id from raw.bitrix24.users where user_type = 'bot';

create temp table raw_activities as
select
    number(activities.id) as activity_id,
    case activities.owner_type_id
        when '1' then number(activities.owner_id) * 4
        when '2' then coalesce(deals.lead_id * 4, number(activities.owner_id) * 4 + 1)
        when '3' then coalesce(contacts.company_id * 4 + 2, number(activities.owner_id) * 4 + 3)
        else number(activities.owner_id) * 4 + 2
    end as thread,
    case
        when activities.type_id = '2' then 'call'
        when activities.type_id = '4' then 'email'
        when activities.provider_id = 'CRM_WEBFORM' then 'form'
        when activities.provider_id in ('CRM_TODO', 'CRM_TASKS_TASK') then 'other'
        when activities.type_id = '6' and (activities.direction in ('1', '2') or activities.is_incoming_channel = 'Y')
            then 'chat'
        else 'other'
    end as kind,
    coalesce(nullif(activities.direction, ''), '0') as direction,
    activities.is_incoming_channel = 'Y' as is_incoming_channel,
    activities.provider_id not in ('CRM_TODO', 'CRM_TASKS_TASK') as is_no_plan,
    activities.completed = 'Y' as is_completed,
    coalesce(
        case activities.type_id
            when '2' then coalesce(calls.started_at, utc(activities.start_time))
            when '1' then utc(activities.start_time)
            when '4' then utc(activities.start_time)
        end,
        utc(activities.created)
    ) as happened_at,
    coalesce(calls.is_connected, activities.completed = 'Y') as is_connected,
    calls.employee as call_employee,
    nullif(nullif(activities.responsible_id, '0'), '') as responsible,
    nullif(activities.author_id, '') as author,
    -- a chat is one activity, and who wrote when is in its messages
    case when activities.provider_id = 'IMOPENLINES_SESSION' then number(activities.associated_entity_id) end
        as session_id,
    greatest(utc(activities.created), utc(activities.last_updated)) as changed_at
from (
    select
        id, owner_id, owner_type_id, type_id, provider_id, direction, is_incoming_channel, completed, start_time,
        created, responsible_id, author_id, last_updated, associated_entity_id
    from raw.bitrix24.crm_activity
    where owner_type_id in ('1', '2', '3', '4')
    qualify row_number() over (partition by id order by last_updated desc) = 1
) as activities
left join calls on number(activities.id) = calls.activity_id
-- a key of its own for each: joined on an id and a condition of one side, each pair of rows would be looked at
left join raw_deals as deals
    on case when activities.owner_type_id = '2' then number(activities.owner_id) end = deals.deal_id
left join contacts
    on case when activities.owner_type_id = '3' then number(activities.owner_id) end = contacts.contact_id;

create temp table messages as
select number(id) as message_id, number(session_id) as session_id, sender_id, sender_kind, utc(sent_at) as sent_at
from raw.bitrix24.openline_message;

create temp table as_of as
select max(changed_at) as as_of_at, max(changed_at) + interval 1 microsecond as data_end_at
from (
    select max(changed_at) as changed_at from leads
    union all
    select max(changed_at) from raw_deals
    union all
    select max(changed_at) from raw_activities
    union all
    select max(changed_at) from calls
    union all
    select max(sent_at) from messages
    union all
    select max(greatest(utc(created_date), utc(closed_date))) from raw.bitrix24.tasks
);

create temp table periods as
with

months as (

    select cast(unnest(generate_series(month_of(min(first_at)), month_of(any_value(as_of_at)), interval 1 month)) as date)
        as month
    from (
        select min(created_at) as first_at from leads
        union all
        select min(created_at) from raw_deals
        union all
        select min(happened_at) from raw_activities
    )
    cross join as_of

),

starts as (

    select 'month' as grain, month as period_start, month + interval 1 month as next_start, month from months
    union all
    select 'quarter', date_trunc('quarter', month), date_trunc('quarter', month) + interval 3 month, month from months
    union all
    select 'year', date_trunc('year', month), date_trunc('year', month) + interval 1 year, month from months

)

select
    *,
    grain || '|' || period_start as period,
    midnight(period_start) as start_at,
    midnight(next_start) as end_at,
    end_at <= as_of_at as is_complete,
    least(end_at, data_end_at) as cutoff_at,
    midnight(local(cutoff_at) - interval 12 month) as trailing_at
from (select * replace (cast(period_start as date) as period_start) from starts)
cross join as_of;

create temp table spans_of_time as
select distinct on (period) * exclude (month) from periods;

create temp table activities as
select
    0 as tie_order,
    activity_id as tie_id,
    thread,
    kind,
    happened_at,
    coalesce(responsible, 'unknown') as responsible,
    coalesce(case when is_connected then call_employee end, responsible, nullif(author, '0'), 'unknown') as actor,
    direction in ('1', '2') and is_no_plan as is_directed,
    case
        when session_id is not null then false
        when kind = 'form' then direction <> '2'
        when kind = 'chat' then direction = '1' or (is_incoming_channel and direction <> '2')
        when kind = 'other' then false
        else direction = '1'
    end as is_touch,
    case kind
        when 'call' then direction in ('1', '2') and is_connected
        when 'form' then false
        when 'other' then false
        else direction = '2' and is_completed and session_id is null
    end
    and case
        when kind = 'call' and direction = '1' then coalesce(responsible, author, '') not in (from bots)
        when author is not null then author <> '0' and author not in (from bots)
        else coalesce(responsible, '') not in (from bots)
    end as is_response
from raw_activities
where happened_at < (select data_end_at from as_of)

union all

select
    1,
    messages.message_id,
    chats.thread,
    'chat',
    messages.sent_at,
    coalesce(chats.responsible, 'unknown'),
    case when messages.sender_kind = 'operator' then messages.sender_id else chats.responsible end,
    messages.sender_kind in ('client', 'operator', 'bot'),
    messages.sender_kind = 'client',
    messages.sender_kind = 'operator'
from messages
inner join raw_activities as chats using (session_id);

create temp table recorded_months as select distinct month_of(happened_at) as month from activities;

create temp table threads as
select
    thread,
    min(happened_at) filter (where is_touch) as first_touch_at,
    min(happened_at) filter (where is_touch or is_directed) as first_contact_at,
    bool_or(is_response) as has_response
from activities
group by thread;

create temp table rates as
select
    currency,
    coalesce(lead(valid_from) over (partition by currency order by valid_from), date '9999-12-31') as valid_before,
    valid_from,
    rate
from (
    select currency, cast(valid_from as date) as valid_from, cast(rate as decimal(19, 10)) as rate
    from {{ seed('exchange_rates') }}
    union all
    select currency, date '0001-01-01', cast(cast(amount as double) / cast(amount_cnt as double) as decimal(19, 10))
    from raw.bitrix24.crm_currency
);

create temp table deals as
with

history as (

    select
        deal_id,
        arg_max(semantic, (changed_at, change_id)) as semantic,
        max(changed_at) filter (where is_entry) as entered_at
    from (
        select
            number(owner_id) as deal_id,
            number(id) as change_id,
            stage_semantic_id as semantic,
            utc(created_time) as changed_at,
            semantic is distinct from lag(semantic) over (partition by owner_id order by utc(created_time), number(id))
                as is_entry
        from raw.bitrix24.crm_deal_stage_history
    )
    group by deal_id

),

with_state as (

    select
        deals.*,
        coalesce(deals.company_key, deals.contact_key) as client_key,
        case when client_key is null then 'unknown' when client_key % 2 = 0 then 'company' else 'person' end
            as client_type,
        coalesce(nullif(leads.channel, 'unknown'), deals.own_channel, 'unknown') as channel,
        coalesce(deals.lead_id * 4, deals.deal_id * 4 + 1) as thread,
        case when history.semantic = deals.semantic then history.entered_at else deals.moved_at end as finished_at,
        leads.created_at as lead_created_at,
        cast(local(case when deals.semantic = 'P' then as_of_at else finished_at end) as date) as rate_date
    from raw_deals as deals
    cross join as_of
    left join history using (deal_id)
    left join leads on deals.lead_id = leads.lead_id

)

select
    deals.*,
    case when semantic = 'S' then finished_at end as won_at,
    {%- if segments %}
    case
        when
            client_key is not null
            and min(case when semantic = 'S' then finished_at end) over (partition by client_key)
            < coalesce(lead_created_at, created_at)
            then 'returning'
        else 'new'
    end as client_history,
    {%- endif %}
    least(created_at, lead_created_at, threads.first_touch_at) as first_contact_at,
    cast(deals.original_amount * rates.rate as decimal(28, 6)) as amount
from with_state as deals
left join threads using (thread)
left join rates
    on
        deals.currency = rates.currency
        and rate_date >= rates.valid_from
        and rate_date < rates.valid_before;

create temp table purchases as
select
    client_key,
    client_type,
    channel,
    amount,
    won_at,
    row_number() over (partition by client_key order by won_at, deal_id) as purchase_number
from deals
where semantic = 'S' and client_key is not null;

create temp table clients as
select
    client_key,
    any_value(client_type) as client_type,
    arg_min(channel, purchase_number) as channel,
    min(won_at) as first_at
from purchases
group by client_key;

create temp table client_spans as
select
    *,
    coalesce(lead(start_at) over (partition by client_key order by start_at) > end_at, true) as ends_in_churn
from (
    select client_key, min(won_at) as start_at, max(won_at) + interval 4320 hours as end_at
    from (
        select *, sum(is_first) over (partition by client_key order by purchase_number) as span
        from (
            select
                *,
                cast(
                    coalesce(
                        won_at >= lag(won_at) over (partition by client_key order by purchase_number)
                        + interval 4320 hours,
                        true
                    ) as int
                ) as is_first
            from purchases
        )
    )
    group by client_key, span
)
inner join clients using (client_key);

-- demand

create temp table demand as
select
    leads.*,
    month_of(leads.created_at) as month,
    won_at,
    {%- if segments %}
    case
        when clients.first_at < leads.created_at or is_of_returning_client then 'returning' else 'new'
    end as client_history,
    {%- endif %}
    won_at is null and open_deals is not true and (outcome = 'junk' or lost_stage is not null) as is_lost,
    is_lost
    and (
        coalesce(reasons.is_organisational = 'true', false)
        or (recorded_months.month is not null and threads.has_response is not true)
    ) as is_organisational
from leads
left join (
    select
        lead_id,
        min(won_at) as won_at,
        bool_or(semantic = 'P') as open_deals,
        {%- if segments %}
        bool_or(client_history = 'returning') as is_of_returning_client,
        {%- endif %}
        arg_max(stage_id, (finished_at, deal_id)) filter (where semantic = 'F') as lost_stage
    from deals
    where lead_id is not null
    group by lead_id
) as deals using (lead_id)
{%- if segments %}
left join clients on leads.lead_client_key = clients.client_key
{%- endif %}
left join threads on leads.lead_id * 4 = threads.thread
left join recorded_months on month_of(leads.created_at) = recorded_months.month
left join {{ seed('loss_reasons') }} as reasons
    on
        reasons.entity_type = case when lost_stage is null then 'lead' else 'deal' end
        and reasons.stage_id = coalesce(lost_stage, status_id)
where outcome <> 'excluded';

create temp table requests as
with

events as (

    select
        thread,
        happened_at,
        is_touch,
        is_response,
        kind as request_channel,
        responsible as employee,
        actor,
        tie_order,
        tie_id
    from activities
    where is_touch or is_response

    union all

    select lead_id * 4, created_at, true, false, request_channel, employee, null, 2, lead_id
    from demand
    left join threads on demand.lead_id * 4 = threads.thread
    where request_channel is not null and coalesce(first_contact_at > created_at, true)

),

touches as (

    select
        *,
        min(case when is_response then happened_at end)
            over (partition by thread order by happened_at range between current row and unbounded following)
            as responded_at
    from events
    qualify is_touch

),

first_touches as (

    select thread, responded_at, unnest(
        min_by(
            {'requested_at': happened_at, 'request_channel': request_channel, 'employee': employee},
            (happened_at, tie_order, tie_id)
        )
    )
    from touches
    group by thread, responded_at

),

responders as (

    select thread, happened_at, min_by(actor, (tie_order, tie_id)) as actor
    from events
    where is_response
    group by thread, happened_at

),

first_deals as (

    select thread, min_by(channel, (created_at, deal_id)) as channel
    from deals
    group by thread

)

select
    first_touches.request_channel,
    coalesce(nullif(leads.channel, 'unknown'), first_deals.channel, clients.channel, 'unknown') as channel,
    coalesce(responders.actor, first_touches.employee) as employee,
    month_of(requested_at) as month,
    epoch_us(responded_at) - epoch_us(requested_at) as response_us
from first_touches
left join responders on first_touches.thread = responders.thread and responded_at = responders.happened_at
left join leads on first_touches.thread = leads.lead_id * 4
left join first_deals on first_touches.thread = first_deals.thread
left join clients on first_touches.thread = client_key * 2 - client_key % 2 + 2;

-- figures that are sums over months: month by month, then periods

create temp table sums as
select
    period,
    cell,
    sum(leads) as leads,
    sum(fulfilled) as fulfilled,
    sum(organisational) as organisational,
    sum(deals) as deals,
    sum(cycle_us) as cycle_us,
    sum(revenue) as revenue,
    sum(averaged) as averaged,
    sum(response_us) as response_us
from (
    select
        month,
        {{ cell(['channel', 'employee', 'client_history']) }} as cell,
        count(*) as leads,
        count(won_at) as fulfilled,
        count(*) filter (where is_organisational) as organisational,
    from demand
    group by {{ sets('month', ['channel', 'employee', 'client_history']) }}

    union all by name

    select
        month_of(won_at) as month,
        {{ cell(['channel', 'pipeline', 'employee', 'client_type', 'client_history']) }} as cell,
        count(*) as deals,
        sum(epoch_us(won_at) - epoch_us(first_contact_at)) as cycle_us,
        sum(amount) as revenue
    from deals
    where semantic = 'S'
    group by {{ sets('month_of(won_at)', ['channel', 'pipeline', 'employee', 'client_type', 'client_history']) }}

    union all by name

    select
        month,
        {{ cell(['request_channel', 'channel', 'employee']) }} as cell,
        count(*) filter (where response_us < 2592000000000) as averaged,
        sum(response_us) filter (where response_us < 2592000000000) as response_us
    from requests
    group by {{ sets('month', ['request_channel', 'channel', 'employee']) }}
)
inner join periods using (month)
group by period, cell;

-- figures of clients and of trailing years

create temp table client_counts as
select
    period,
    {{ cell(['channel', 'client_type']) }} as cell,
    count(*) as clients,
    count(*) filter (where at_start) as opening,
    count(*) filter (where at_start and at_end) as retained,
    count(*) filter (where not at_end) as churned,
    count(*) filter (where is_new) as new
from (
    select
        period,
        client_key,
        any_value(channel) as channel,
        any_value(client_type) as client_type,
        bool_or(spans.start_at < periods.start_at) as at_start,
        bool_or(spans.end_at > cutoff_at) as at_end,
        any_value(first_at >= periods.start_at) as is_new
    from spans_of_time as periods
    inner join client_spans as spans on spans.start_at < cutoff_at and spans.end_at > periods.start_at
    group by period, client_key
)
group by {{ sets('period', ['channel', 'client_type']) }};

create temp table lifetimes as
select
    period,
    {{ cell(['channel', 'client_type']) }} as cell,
    sum(epoch_us(least(spans.end_at, cutoff_at)) - epoch_us(spans.start_at)) / 31557600e6 as lifespan,
    sum(greatest(epoch_us(least(spans.end_at, cutoff_at)) - epoch_us(greatest(spans.start_at, trailing_at)), 0))
    / 31557600e6 as active,
    count(*) filter (where spans.start_at = first_at) as clients
from spans_of_time as periods
inner join client_spans as spans on spans.start_at < cutoff_at
group by {{ sets('period', ['channel', 'client_type']) }};

create temp table yearly_revenue as
select
    period,
    {{ cell(['channel', 'client_type']) }} as cell,
    count(*) as purchases,
    sum(amount) as revenue
from spans_of_time as periods
inner join (
    select clients.channel, clients.client_type, amount, won_at
    from purchases
    inner join clients using (client_key)
) on won_at < cutoff_at and won_at >= trailing_at
group by {{ sets('period', ['channel', 'client_type']) }};

create temp table unit_prices as
select
    period,
    {{ cell(['channel', 'employee']) }} as cell,
    coalesce(avg(amount) filter (where won_at >= start_at), avg(amount)) as unit_price
from spans_of_time
inner join (select channel, employee, amount, won_at from deals where semantic = 'S')
    on won_at < cutoff_at and won_at >= least(trailing_at, start_at)
group by {{ sets('period', ['channel', 'employee']) }};

create temp table cost_rows as
select
    nullif(channel, '') as channel,
    date_from,
    date_to,
    cast(amount as double) * rate / (date_to - date_from + 1) as daily
from (
    select * replace (cast(date_from as date) as date_from, cast(date_to as date) as date_to)
    from {{ seed('costs') }}
    where cost_type in ('marketing', 'crm')
) as costs
inner join rates
    on
        costs.currency = rates.currency
        and date_from >= valid_from
        and date_from < valid_before;

create temp table members as
select 'all' as segment_type, 'all' as segment_id
{%- if segments %}
union all
select distinct 'channel', unnest([coalesce(channel, 'unknown'), 'unknown'])
from (
    select channel from leads
    union all
    select own_channel from raw_deals
    union all
    select channel from cost_rows
)
union all
select distinct 'employee', unnest([employee, 'unknown'])
from (
    select employee from leads
    union all
    select employee from deals
    union all
    select employee from requests
)
union all
select 'pipeline', id from raw.bitrix24.crm_category
union all
select 'client_type', unnest(['company', 'person', 'unknown'])
union all
select 'client_history', unnest(['new', 'returning'])
union all
select 'request_channel', unnest(['call', 'email', 'form', 'chat'])
union all
select distinct 'process_category', unnest([category, 'lead_distribution']) from {{ seed('business_processes') }}
{%- endif %};

-- own costs, and of those of the whole company a share by new clients
create temp table channel_costs as
with

by_channel as (

    select
        period,
        channel,
        sum(daily * (least(date_to + 1, day_after) - greatest(date_from, period_start))) as cost
    from (select *, least(cast(next_start as date), cast(local(as_of_at) as date) + 1) as day_after from spans_of_time)
    inner join cost_rows on date_from < day_after and date_to >= period_start
    group by period, channel

),

news as (

    select period, cell, new from client_counts where cell = 'all|all' or starts_with(cell, 'channel|')

),

shared as (

    select
        period,
        coalesce(sum(cost) filter (where channel is null), 0) as shared,
        coalesce(sum(cost), 0) as whole
    from spans_of_time
    left join by_channel using (period)
    group by period

)

select
    shared.period,
    segment_type || '|' || segment_id as cell,
    coalesce(news.new, 0) as new,
    case
        when segment_type = 'all' then whole
        when coalesce(total.new, 0) = 0 then coalesce(cost, 0) + case when segment_id = 'unknown' then shared else 0 end
        else coalesce(cost, 0) + shared * coalesce(news.new, 0) / total.new
    end as cost
from shared
cross join (select * from members where segment_type in ('all', 'channel')) as members
left join by_channel
    on by_channel.period = shared.period and segment_type = 'channel' and by_channel.channel = segment_id
left join news on news.period = shared.period and news.cell = segment_type || '|' || segment_id
left join news as total on total.period = shared.period and total.cell = 'all|all';

create temp table processes as
select
    period,
    {{ cell(['process_category']) }} as cell,
    count(*) as total,
    count(*) filter (
        where cast(nullif(automated_from, '') as date) <= day and coalesce(cast(nullif(automated_to, '') as date) >= day, true)
    ) as automated
from (select period, cast(local(cutoff_at - interval 2 microseconds) as date) as day from spans_of_time)
inner join (select *, category as process_category from {{ seed('business_processes') }})
    on
        coalesce(cast(nullif(exists_from, '') as date) <= day, true)
        and coalesce(cast(nullif(exists_to, '') as date) >= day, true)
group by {{ sets('period', ['process_category']) }};

create temp table figures as
with

cells as (

    select
        spans_of_time.*,
        metric_code,
        segment_type || '|' || segment_id as cell,
        (metric_code in ('retention', 'churn', 'cac', 'ltv') or segment_type = 'client_history')
        and start_at < (
            select midnight(cast(date_trunc('day', local(min(won_at))) as date)) + interval 4320 hours from purchases
        ) as is_too_short
    from {{ seed('metric_segments') }}
    inner join members using (segment_type)
    cross join spans_of_time

),

parts as (

    select
        cells.*,
        yearly_revenue.purchases,
        case metric_code
            when 'conversion' then coalesce(sums.deals, 0)
            when 'response_time' then coalesce(sums.response_us, 0) / 60e6
            when 'retention' then coalesce(client_counts.retained, 0)
            when 'churn' then coalesce(client_counts.churned, 0)
            when 'cac' then channel_costs.cost
            when 'sales_cycle' then coalesce(sums.cycle_us, 0) / 86400e6
            when 'ltv' then {{ margin }} * coalesce(yearly_revenue.revenue, 0) * lifetimes.lifespan / lifetimes.clients
            when 'average_deal_size' then coalesce(sums.revenue, 0)
            when 'automation_level' then coalesce(processes.automated, 0)
            when 'lost_sales' then
                case
                    when sums.leads > 0 then
                        case when organisational = 0 then 0 else organisational * unit_price end
                end
        end as numerator,
        case metric_code
            when 'conversion' then coalesce(sums.leads, 0)
            when 'response_time' then coalesce(sums.averaged, 0)
            when 'retention' then coalesce(client_counts.opening, 0)
            when 'churn' then coalesce(client_counts.clients, 0)
            when 'cac' then channel_costs.new
            when 'sales_cycle' then coalesce(sums.deals, 0)
            when 'ltv' then coalesce(lifetimes.active, 0)
            when 'average_deal_size' then coalesce(sums.deals, 0)
            when 'automation_level' then coalesce(processes.total, 0)
        end as denominator
    from cells
    left join sums using (period, cell)
    left join client_counts using (period, cell)
    left join lifetimes using (period, cell)
    left join yearly_revenue using (period, cell)
    left join unit_prices using (period, cell)
    left join channel_costs using (period, cell)
    left join processes using (period, cell)

),

valued as (

    select
        *,
        case
            when is_too_short then null
            when metric_code = 'lost_sales' then numerator
            when metric_code = 'ltv' and purchases is null then null
            else numerator / nullif(denominator, 0)
        end * case when metric_code in ('conversion', 'retention', 'churn', 'automation_level') then 100 else 1 end
            as value
    from parts

)

select
    metric_code || '|' || period || '|' || cell as metric_key,
    value,
    cast(numerator as double) as numerator,
    cast(denominator as double) as denominator,
    case
        when is_too_short then 'history_too_short'
        when not is_complete or (metric_code = 'lost_sales' and end_at + interval 2160 hours > as_of_at) then 'too_early'
        when value is null then 'no_data'
        else 'measured'
    end as value_status
from valued;
