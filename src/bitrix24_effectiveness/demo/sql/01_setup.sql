-- Arithmetic of the demo portal. Times are whole seconds since 1970-01-01 of the portal's local
-- clock (Moscow, UTC+3 all year), so that no session time zone can change a row.
-- Variables set by the generator: seed, leads, effect, first_day, scatter.

set variable first_second = epoch(getvariable('first_day')::timestamp)::bigint;
set variable golive_second = epoch(timestamp '2025-05-01')::bigint;
set variable end_second = epoch(timestamp '2026-11-01')::bigint;

-- Keyed noise instead of random(): the same seed, key and salt always give the same number,
-- whatever the thread or the order. The outer hash breaks the xor structure of hash(a, b, c).
create or replace temp macro uniform(k, salt) as
    (hash(hash(getvariable('seed'), k, salt)) >> 11)::double / 9007199254740992.0;

create or replace temp macro normal(k, salt) as
    sqrt(-2 * ln(greatest(uniform(k, salt), 1e-12))) * cos(2 * pi() * uniform(k, salt + 500));

-- `mean` is the mean itself, not that of the logarithm
create or replace temp macro lognormal(mean, sigma, k, salt) as
    (mean) * exp((sigma) * normal(k, salt) - (sigma) * (sigma) / 2);

-- 0 before the go-live, all of the effect from the end of the ramp-up month, linear in between
create or replace temp macro effect(t) as
    getvariable('effect')
    * least(1.0, greatest(0.0, ((t) - getvariable('golive_second')) / (31.0 * 86400)));

create or replace temp macro planted(before_value, after_value, t) as
    (before_value) + ((after_value) - (before_value)) * effect(t);

-- What is wrong with the company's work, before the go-live and after it, where `habits` are asked
-- for: 11 and 12 call from private phones, 14, 15 and 16 enter a deal when it is won, and of the
-- leads that come from the website by themselves nobody looks at nearly any that is junk.
create or replace temp macro calls_privately(employee_id) as
    getvariable('habits') and employee_id in (11, 12);

create or replace temp macro enters_won_deals(employee_id) as
    getvariable('habits') and employee_id in (14, 15, 16);

create or replace temp macro day_of(t) as cast(floor((t) / 86400) as bigint);

create or replace temp macro second_of_day(t) as (t) - day_of(t) * 86400;

create or replace temp macro as_text(t) as
    strftime(make_timestamp((t) * 1000000), '%Y-%m-%dT%H:%M:%S+03:00');

create or replace temp macro flag(condition) as case when condition then 'Y' else 'N' end;

-- Working days of the demo portal: a simple rule, near the production calendar in the seeds.
create or replace temp table plan_days as
with

days as (

    select
        day_no,
        cast(date '1970-01-01' + cast(day_no as integer) as date) as calendar_date

    from range(
        cast(getvariable('first_second') / 86400 as bigint),
        cast(getvariable('end_second') / 86400 as bigint) + 60
    ) as days (day_no)

),

marked as (

    select
        day_no,
        calendar_date,
        isodow(calendar_date) as weekday,
        strftime(calendar_date, '%m-%d') in (
            '01-01', '01-02', '01-03', '01-04', '01-05', '01-06', '01-07', '01-08',
            '02-23', '03-08', '05-01', '05-09', '06-12', '11-04'
        ) as is_holiday

    from days

)

select
    day_no,
    calendar_date,
    weekday <= 5 and not is_holiday as is_working_day,
    (
        case
            when is_holiday then 0.12
            when weekday = 1 then 1.12
            when weekday <= 4 then 1.0
            when weekday = 5 then 0.92
            when weekday = 6 then 0.16
            else 0.10
        end
    ) * (
        -- demand is slow in January and in the summer, brisk in spring and in autumn
        [0.80, 0.95, 1.05, 1.05, 0.90, 0.95, 0.85, 0.90, 1.08, 1.12, 1.12, 1.08][month(calendar_date)]
    ) as arrival_weight

from marked;

set variable first_day_no = (select min(day_no) from plan_days);

-- for each day, the first working day that is not before it
set variable working_days = (
    select list(next_day order by day_no)
    from (
        select
            day_no,
            min(case when is_working_day then day_no end) over (
                order by day_no rows between current row and unbounded following
            ) as next_day
        from plan_days
    )
);

create or replace temp macro next_working_day(day_no) as
    list_extract(
        getvariable('working_days'),
        cast(
            least(
                greatest((day_no) - getvariable('first_day_no') + 1, 1),
                len(getvariable('working_days')) - 1
            ) as integer
        )
    );

create or replace temp macro in_hours(t) as
    next_working_day(day_of(t)) = day_of(t)
    and second_of_day(t) >= 32400
    and second_of_day(t) < 64800;

-- an act that would fall outside working hours is done the next working morning
create or replace temp macro to_working_time(t) as
    case
        when in_hours(t) then t
        when second_of_day(t) < 32400
            then next_working_day(day_of(t)) * 86400 + 32400 + (t) % 4200
        else next_working_day(day_of(t) + 1) * 86400 + 32400 + (t) % 4200
    end;

-- when a person answers a client who reached out at t
create or replace temp macro answered_at(t, k, salt) as
    cast(
        case
            when in_hours(t)
                then to_working_time(
                    cast((t) + 60 * lognormal(planted(100, 34, t), 0.9, k, salt) as bigint)
                )
            -- after the go-live a duty manager works in the evenings and on days off
            when uniform(k, salt + 1) < planted(0.10, 0.82, t)
                then (t) + 60 * lognormal(planted(90, 40, t), 0.8, k, salt)
            else to_working_time(t) + 60 * lognormal(planted(50, 30, t), 0.8, k, salt)
        end as bigint
    );
