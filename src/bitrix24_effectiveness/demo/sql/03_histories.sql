-- Stage histories as planned, cut at the end of the data: the state of a deal or a lead is its
-- last event.

create or replace temp macro stage_of(category_id, stage) as
    case when category_id = 0 then stage else 'C' || category_id || ':' || stage end;

create or replace temp table plan_deal_events as
with

deals as (

    select * from plan_cases
    where deal_id is not null

),

steps as (

    select
        deals.deal_id,
        deals.deal_created_at,
        deals.ended_at,
        -- stuck deals stop where they are, the others walk to their end
        coalesce(deals.ended_at, deals.deal_created_at + 20 * 86400) as walked_to,
        deals.deal_outcome,
        steps.step_no,
        case
            when steps.step_no = 0 then 1
            when steps.step_no = 1 then 5
            when steps.step_no in (6, 8) then 3
            else 2
        end as type_id,
        case
            when deals.is_moved_between_pipelines and steps.step_no = 0
                then case when deals.category_id = 0 then 2 else 0 end
            else deals.category_id
        end as category_id,
        case steps.step_no
            when 0 then 'NEW'
            when 1 then 'NEW'
            when 2 then 'PREPARATION'
            when 3 then 'PREPAYMENT_INVOICE'
            when 4 then 'EXECUTING'
            when 5 then 'FINAL_INVOICE'
            when 6 then 'WON'
            when 7 then 'EXECUTING'
            else coalesce(deals.loss_stage, 'WON')
        end as stage,
        case steps.step_no
            when 0 then 0.0
            when 1 then 0.07
            when 2 then 0.10 + 0.15 * uniform(deals.case_key, 90)
            when 3 then 0.30 + 0.20 * uniform(deals.case_key, 91)
            when 4 then 0.54 + 0.16 * uniform(deals.case_key, 92)
            when 5 then 0.74 + 0.12 * uniform(deals.case_key, 93)
            when 6 then 0.89
            when 7 then 0.94
            else 1.0
        end as share_of_way

    from deals

    cross join range(9) as steps (step_no)

    where
        case
            when steps.step_no = 0 then true
            when deals.is_backfilled or deals.is_entered_when_won then steps.step_no = 8
            when steps.step_no = 1 then deals.is_moved_between_pipelines
            when steps.step_no in (6, 7) then deals.is_reopened
            when steps.step_no = 8 then deals.ended_at is not null
            -- one visit in ten of the stages in between is skipped
            else uniform(deals.case_key * 8 + steps.step_no, 94) >= 0.10
                and (deals.deal_outcome = 'won' or steps.step_no - 1 <= deals.last_stage_no)
                and (steps.step_no <> 5 or deals.category_id = 0)
        end

),

timed as (

    select
        *,
        case
            when step_no = 0 then deal_created_at
            when step_no = 8 then ended_at
            else least(
                to_working_time(
                    cast(
                        deal_created_at + share_of_way * (walked_to - deal_created_at) as bigint
                    )
                ),
                walked_to - 60
            )
        end as planned_at

    from steps

)

select
    deal_id,
    step_no,
    type_id,
    category_id,
    stage_of(category_id, stage) as stage_id,
    case
        when stage = 'WON' then 'S'
        when step_no = 8 then 'F'
        else 'P'
    end as semantic_id,
    -- an act that waits for the working day may not overtake the next one
    max(planned_at) over (
        partition by deal_id order by step_no rows between unbounded preceding and current row
    ) as happened_at

from timed

qualify happened_at < getvariable('end_second');

create or replace temp table plan_deals as
select
    deal_id,
    max_by(stage_id, step_no) as stage_id,
    max_by(semantic_id, step_no) as semantic_id,
    max_by(category_id, step_no) as category_id,
    max(happened_at) as moved_at

from plan_deal_events

group by deal_id;

create or replace temp table plan_lead_events as
with

leads as (

    select
        *,
        case lead_outcome
            when 'spam' then 'UC_SPAM'
            when 'duplicate' then 'UC_DUPLICATE'
            when 'test' then 'UC_TEST'
            when 'no_answer' then 'UC_NOANSWER'
            when 'too_expensive' then 'UC_PRICE'
            when 'deal' then 'CONVERTED'
            when 'left_lying' then null
            else 'JUNK'
        end as final_status

    from plan_cases

    where is_lead and lead_created_at < getvariable('end_second')

),

events as (

    select
        lead_id,
        0 as step_no,
        1 as type_id,
        'NEW' as status_id,
        lead_created_at as happened_at
    from leads

    union all

    select
        lead_id,
        1 as step_no,
        2 as type_id,
        'IN_PROCESS' as status_id,
        greatest(responded_at, lead_created_at) + 45 as happened_at
    from leads
    where responded_at is not null and uniform(case_key, 100) < 0.9

    union all

    select
        lead_id,
        2 as step_no,
        2 as type_id,
        'PROCESSED' as status_id,
        greatest(
            responded_at + 300,
            least(responded_at + 86400, coalesce(deal_created_at, ended_at) - 60)
        ) as happened_at
    from leads
    where
        responded_at is not null
        and final_status is not null
        and uniform(case_key, 101) < 0.45

    union all

    select
        lead_id,
        3 as step_no,
        3 as type_id,
        final_status as status_id,
        coalesce(deal_created_at, ended_at) as happened_at
    from leads
    where final_status is not null

)

select
    lead_id,
    step_no,
    type_id,
    status_id,
    case
        when step_no < 3 then 'P'
        when status_id = 'CONVERTED' then 'S'
        else 'F'
    end as semantic_id,
    happened_at

from events

where happened_at < getvariable('end_second');

create or replace temp table plan_leads as
select
    lead_id,
    max_by(status_id, step_no) as status_id,
    max_by(semantic_id, step_no) as semantic_id,
    max(happened_at) as moved_at

from plan_lead_events

group by lead_id;
