-- Cases: a case is a lead with all that comes of it, or a repeat deal without a lead.
-- `case_key` = client_no * 16 + attempt names a case for good, so noise keyed by it never moves.

create or replace temp table plan_first_contacts as
with

arrivals as (

    select
        day_no,
        sum(arrival_weight) over (order by day_no) / sum(arrival_weight) over () as share_to
    from plan_days
    where day_no < cast(getvariable('end_second') / 86400 as bigint)

),

-- clients come in the order of their numbers, evenly over the weights of the days; scattered, a
-- client can change places with others of as many
dated as (

    select
        clients.client_no,
        clients.client_no * 16 as case_key,
        arrivals.day_no

    from (
        select
            client_no,
            greatest(
                1e-9,
                least(
                    1,
                    (client_no - 0.5 + getvariable('scatter') * (uniform(client_no, 9) - 0.5))
                    / getvariable('leads')
                )
            ) as position
        from range(1, getvariable('leads') + 1) as clients (client_no)
    ) as clients

    asof join arrivals
        on clients.position <= arrivals.share_to

),

with_sources as (

    select
        *,
        case
            when uniform(case_key, 10) < 0.25 then 'CALL'
            when uniform(case_key, 10) < 0.37 then 'EMAIL'
            when uniform(case_key, 10) < 0.52 then 'WEBFORM'
            when uniform(case_key, 10) < 0.61 then 'WEB'
            when uniform(case_key, 10) < 0.69 then '1|TELEGRAM'
            when uniform(case_key, 10) < 0.78 then '2|WHATSAPP'
            when uniform(case_key, 10) < 0.87 then 'ADVERTISING'
            when uniform(case_key, 10) < 0.92 then 'RECOMMENDATION'
            when uniform(case_key, 10) < 0.94 then 'PARTNER'
            when uniform(case_key, 10) < 0.965 then 'TRADE_SHOW'
            when uniform(case_key, 10) < 0.98 then 'CALLBACK'
            when uniform(case_key, 10) < 0.99 then 'UC_AVITO'
            else ''
        end as source_id

    from dated

),

timed as (

    select
        *,
        cast(
            day_no * 86400 + case
                -- calls and meetings come in working hours, messages in the evening as well
                when uniform(case_key, 11) < 0.9
                    then 32400 + 32400 * (uniform(case_key, 12) + uniform(case_key, 13)) / 2
                when source_id in ('CALL', 'CALLBACK', 'TRADE_SHOW')
                    then 28800 + 43200 * uniform(case_key, 12)
                else 64800 + 18000 * uniform(case_key, 12)
            end as bigint
        ) as started_at

    from with_sources

),

with_outcomes as (

    select
        *,
        uniform(case_key, 20) as outcome_draw,
        uniform(case_key, 21) as deal_draw

    from timed

)

select
    client_no,
    case_key,
    0 as attempt,
    true as is_lead,
    source_id,
    started_at,
    case
        when outcome_draw < 0.030 then 'spam'
        when outcome_draw < 0.048 then 'duplicate'
        when outcome_draw < 0.052 then 'test'
        when outcome_draw < 0.052 + planted(0.070, 0.025, started_at) then 'ignored'
        when outcome_draw < 0.052 + planted(0.135, 0.055, started_at) then 'no_answer'
        when outcome_draw < 0.052 + planted(0.205, 0.125, started_at) then 'too_expensive'
        when outcome_draw < 0.052 + planted(0.255, 0.150, started_at) then 'left_lying'
        when outcome_draw < 1 - planted(0.252, 0.296, started_at) then 'junk'
        else 'deal'
    end as lead_outcome,
    case
        when deal_draw < planted(0.258, 0.268, started_at) then 'won'
        when deal_draw < 0.95 then 'lost'
        else 'left_lying'
    end as deal_outcome

from with_outcomes;

-- What of a case depends on its outcome: when it is answered, when it ends.
create or replace temp macro cycle_days(is_repeat, is_won, t, k) as
    case
        when is_repeat and is_won then lognormal(planted(21.5, 15.5, t), 0.55, k, 30)
        when is_won then lognormal(planted(29.0, 20.5, t), 0.5, k, 30)
        when is_repeat then lognormal(planted(20, 15, t), 0.6, k, 30)
        else lognormal(planted(29, 22, t), 0.7, k, 30)
    end;

create or replace temp macro decided_at(is_repeat, is_won, t, k) as
    to_working_time(cast((t) + 86400 * cycle_days(is_repeat, is_won, t, k) as bigint));

-- Repeat business: after a purchase a client comes back after a while, with a chance that the
-- go-live raises; the chain of a client ends with the first attempt that does not happen.
create or replace temp table plan_repeats as
with

-- clients from before the portal, who buy again in its first months: without them the company
-- would seem to have no one to lose in its first year
earlier_clients as (

    select
        client_no,
        cast(
            getvariable('first_second') + 86400 * (180 * uniform(client_no, 49) - 90) as bigint
        ) as first_won_at
    from range(
        getvariable('leads') + 1,
        getvariable('leads') + 1 + cast(getvariable('leads') * 0.013 as bigint)
    ) as clients (client_no)

),

first_wins as (

    select
        client_no,
        decided_at(false, true, started_at, case_key) as first_won_at,
        false as is_earlier
    from plan_first_contacts
    where lead_outcome = 'deal' and deal_outcome = 'won'

    union all

    select
        client_no,
        first_won_at,
        true as is_earlier
    from earlier_clients

),

attempts as (

    select
        first_wins.client_no,
        first_wins.client_no * 16 + attempts.attempt as case_key,
        attempts.attempt,
        first_wins.first_won_at,
        first_wins.is_earlier

    from first_wins

    cross join range(1, 11) as attempts (attempt)

),

spaced as (

    select
        client_no,
        case_key,
        attempt,
        is_earlier,
        to_working_time(
            cast(
                first_won_at + sum(
                    86400 * (
                        35 + lognormal(62, 0.6, case_key, 40)
                        -- some come back long after they were given up, fewer of them once the
                        -- CRM reminds of them in time
                        + case
                            when uniform(case_key, 48)
                                < planted(0.32, 0.04, first_won_at + attempt * 7776000) then 150
                            else 0
                        end
                    )
                ) over (partition by client_no order by attempt) + 25000 * uniform(case_key, 41)
                as bigint
            )
        ) as started_at

    from attempts

),

kept as (

    select
        *,
        min(
            case
                when attempt = 1 and is_earlier then 1
                when uniform(case_key, 42) < planted(0.41, 0.58, started_at) then 1
                else 0
            end
        ) over (partition by client_no order by attempt) as is_kept

    from spaced

)

select
    client_no,
    case_key,
    attempt,
    uniform(case_key, 43) < 0.45 as is_lead,
    case
        when uniform(case_key, 44) < 0.35 then 'CALL'
        when uniform(case_key, 44) < 0.60 then 'EMAIL'
        when uniform(case_key, 44) < 0.75 then '2|WHATSAPP'
        else 'RC_GENERATOR'
    end as source_id,
    started_at,
    'deal' as lead_outcome,
    case
        when uniform(case_key, 45) < planted(0.66, 0.73, started_at) then 'won'
        when uniform(case_key, 45) < 0.97 then 'lost'
        else 'left_lying'
    end as deal_outcome

from kept

where is_kept = 1
    and started_at >= getvariable('first_second')
    and started_at < getvariable('end_second');

create or replace temp table plan_cases as
with

-- leads of returning clients take the place of as many leads that came to nothing, so that
-- the portal has exactly as many leads as asked for
replaced as (

    select case_key
    from plan_first_contacts
    where lead_outcome <> 'deal'
    order by uniform(case_key, 46), case_key
    limit (select count(*) from plan_repeats where is_lead)

),

unioned as (

    select * from plan_first_contacts
    where case_key not in (select case_key from replaced)

    union all by name

    select * from plan_repeats

),

assigned as (

    select
        *,
        case
            when uniform(case_key, 70) < 0.20 then 11
            when uniform(case_key, 70) < 0.37 then 12
            when uniform(case_key, 70) < 0.53 then 13
            when uniform(case_key, 70) < 0.67 then 14
            when uniform(case_key, 70) < 0.80 then 15
            when uniform(case_key, 70) < 0.91 then 16
            -- one manager left the company with the old year, another took over
            when started_at < epoch(timestamp '2025-01-01') then 17
            else 18
        end as employee_id,
        getvariable('habits')
        and lead_outcome = 'junk'
        and source_id in ('WEB', 'WEBFORM', 'ADVERTISING')
        and uniform(case_key, 48) < 0.97 as is_neglected

    from unioned

),

touched as (

    select
        * replace (case when is_neglected then 'left_lying' else lead_outcome end as lead_outcome),
        attempt > 0 as is_repeat,
        lead_outcome = 'deal' as is_deal,
        case
            when source_id in ('CALL', 'CALLBACK') then 'call'
            when source_id = 'EMAIL' then 'email'
            when source_id = 'WEBFORM' then 'form'
            when source_id in ('1|TELEGRAM', '2|WHATSAPP', 'UC_AVITO') then 'chat'
            -- no activity: the creation of the lead is the request
            when source_id in ('WEB', 'ADVERTISING') then 'creation'
            else 'none'
        end as touch_kind,
        -- deals entered only when they are already won: work past the CRM
        not is_lead
        and deal_outcome = 'won'
        and uniform(case_key, 47) < planted(0.08, 0.02, started_at) as is_backfilled

    from assigned

),

answered as (

    select
        *,
        touch_kind = 'call' and lead_outcome <> 'ignored' and uniform(case_key, 50) < case
            when in_hours(started_at) then planted(0.76, 0.92, started_at)
            else planted(0.10, 0.60, started_at)
        end as is_picked_up,
        case
            when lead_outcome = 'ignored' or is_neglected then false
            when lead_outcome in ('spam', 'test') then uniform(case_key, 51) < 0.2
            when lead_outcome = 'deal' then true
            else uniform(case_key, 51) < planted(0.97, 0.99, started_at)
        end as is_answered

    from touched

),

responded as (

    select
        *,
        is_lead and lead_outcome = 'deal' and deal_outcome = 'won'
        and enters_won_deals(employee_id) as is_entered_when_won,
        case
            when not is_answered then null
            when is_picked_up then started_at
            else answered_at(started_at, case_key, 60)
        end as responded_at,
        case
            when lead_outcome = 'deal' and deal_outcome in ('won', 'lost')
                then decided_at(is_repeat, deal_outcome = 'won', started_at, case_key)
            when lead_outcome not in ('deal', 'left_lying')
                then to_working_time(
                    cast(started_at + 86400 * (1 + lognormal(6, 0.9, case_key, 31)) as bigint)
                )
        end as planned_end_at

    from answered

),

opened as (

    select
        *,
        case
            when not is_deal then null
            when is_backfilled then greatest(planned_end_at - 200, started_at)
            when not is_lead then started_at + 4
            when is_entered_when_won then greatest(planned_end_at - 200, responded_at + 420)
            else greatest(
                responded_at + 420,
                to_working_time(
                    cast(started_at + 86400 * lognormal(1.6, 0.6, case_key, 32) as bigint)
                )
            )
        end as deal_created_at

    from responded

),

ended as (

    select
        *,
        case
            when is_deal then greatest(planned_end_at, deal_created_at + 180)
            else greatest(planned_end_at, coalesce(responded_at, started_at) + 900)
        end as ended_at

    from opened

    where started_at < getvariable('end_second')

),

numbered as (

    select
        *,
        row_number() over (order by started_at, case_key) as case_no,
        case when is_lead then row_number() over (
            partition by is_lead order by started_at, case_key
        ) end as lead_id,
        case when deal_created_at < getvariable('end_second') then row_number() over (
            partition by deal_created_at < getvariable('end_second')
            order by deal_created_at, case_key
        ) end as deal_id

    from ended

)

select
    *,
    -- leads appear seconds after the touch that made them
    started_at + case when touch_kind in ('creation', 'none') then 0
        when touch_kind = 'form' then 0 else 3 end as lead_created_at,
    case
        when attempt > 0 and uniform(case_key, 71) < 0.85 then 4
        when uniform(case_key, 72) < 0.7 then 0
        else 2
    end as category_id,
    deal_id is not null and attempt = 0 and not is_entered_when_won
    and uniform(case_key, 73) < 0.04 as is_moved_between_pipelines,
    deal_id is not null and ended_at is not null and not is_backfilled
    and not is_entered_when_won
    and uniform(case_key, 74) < 0.025 as is_reopened,
    case
        when deal_outcome = 'lost' then case
            when uniform(case_key, 75) < planted(0.14, 0.08, started_at) then 'UC_STOCK'
            when uniform(case_key, 75) < planted(0.25, 0.14, started_at) then 'UC_NOANSWER'
            when uniform(case_key, 75) < planted(0.40, 0.19, started_at) then 'UC_SLOW'
            when uniform(case_key, 75) < planted(0.65, 0.52, started_at) then 'UC_PRICE'
            when uniform(case_key, 75) < planted(0.85, 0.80, started_at) then 'UC_COMPETITOR'
            when uniform(case_key, 75) < 0.97 then 'LOSE'
            else 'APOLOGY'
        end
    end as loss_stage,
    1 + cast(floor(4 * uniform(case_key, 76)) as integer) as last_stage_no,
    case
        when uniform(case_key, 77) < 0.92 then 'RUB'
        when uniform(case_key, 77) < 0.97 then 'USD'
        else 'EUR'
    end as currency_id,
    -- 3 % of the deals say nothing of the client or have no amount
    uniform(case_key, 78) < 0.015 as is_without_client,
    case
        when uniform(case_key, 79) < 0.01 then 0
        else 100 * round(
            lognormal(
                case
                    when attempt > 0 and uniform(case_key, 71) < 0.85 then 143000
                    when uniform(case_key, 72) < 0.7 then 110000
                    else 220000
                end,
                0.5, case_key, 80
            ) / 100
        )
    end as amount_rub,
    uniform(client_no, 81) < 0.58 as is_company

from numbered;

create or replace temp table plan_clients as
select
    client_no,
    is_company,
    row_number() over (order by min(deal_created_at), client_no) as client_id,
    min(deal_created_at) as created_at,
    min_by(source_id, deal_created_at) as source_id,
    min_by(employee_id, deal_created_at) as employee_id,
    min_by(lead_id, deal_created_at) as lead_id

from plan_cases

where deal_id is not null

group by client_no, is_company;
