"""Portals in which nothing happened, made as reality makes them.

Each shape takes a portal of the generator without any effect and does to its raw tables what
companies do: they write down less before the go-live than after it, grow, raise prices, have good
months and bad ones. None of it is the work of a CRM, so no shape may be called better or worse.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from math import sqrt

GO_LIVE = "2025-05-01"
# half a year before the go-live
YOUNG = date(2024, 11, 1)
# months differ by so much, and each has so much of the one before
SPREAD = 0.2
MEMORY = 0.5

Statements = tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """What is done to a portal; `prices` and `register` are done to the seeds of the company."""

    title: str
    changes: Callable[[int], Statements] = field(default=lambda seed: ())
    first_day: date | None = None
    has_prices: bool = False
    has_register: bool = False


def times(factor: str, rest: str = "") -> str:
    """Deals at other prices; a few amounts are words, as in real portals."""
    return (
        "update bitrix24.crm_deal set opportunity = "
        f"printf('%.2f', cast({factor} as double) * try_cast(opportunity as double)) {rest} "
        f"{'and' if 'where' in rest else 'where'} try_cast(opportunity as double) is not null"
    )


BEFORE = f"left(created, 10) < '{GO_LIVE}'"

ANSWERS_LOST = (
    f"delete from bitrix24.crm_activity where {BEFORE} and direction = '2' and hash(id) % 10 < 6",
)
HALF_OF_THE_LETTERS = (
    f"delete from bitrix24.crm_activity where {BEFORE} and direction = '2' and type_id = '4' "
    "and hash(id) % 10 < 5",
)
NO_CALLS = (
    f"delete from bitrix24.crm_activity where {BEFORE} and type_id = '2'",
    f"delete from bitrix24.telephony_call where left(call_start_date, 10) < '{GO_LIVE}'",
)
NOTHING_RECORDED = (
    f"delete from bitrix24.crm_activity where {BEFORE}",
    f"delete from bitrix24.telephony_call where left(call_start_date, 10) < '{GO_LIVE}'",
)
WINNERS_ALONE = (
    f"delete from bitrix24.crm_lead where left(date_create, 10) < '{GO_LIVE}' "
    "and status_id <> 'CONVERTED' and hash(id) % 10 < 8",
)
# discipline that grows from 55 to 95 % of the answers, month by month, from the first day on
DISCIPLINE_GROWS = (
    "delete from bitrix24.crm_activity where direction = '2' and hash(id) % 1000 > 550 + 400 "
    "* datediff('day', date '2023-11-01', try_cast(left(created, 10) as date)) / 1096",
)
NOBODY_RETURNS = (
    "delete from bitrix24.crm_deal where is_return_customer = 'Y'",
    "delete from bitrix24.crm_lead where is_return_customer = 'Y' and status_id = 'CONVERTED' "
    "and id not in (select lead_id from bitrix24.crm_deal)",
)
PRICES_RISE = (
    times(
        "power(1.09, datediff('day', date '2023-11-01', try_cast(left(date_create, 10) as date)) "
        "/ 365.25)"
    ),
)
# half again as many leads each year
GROWTH = (
    "create temp table kept_leads as select distinct id from bitrix24.crm_lead "
    "where hash(id, 'grows') % 1000 < 1000 * power(1.5, "
    "datediff('day', date '2026-11-01', try_cast(left(date_create, 10) as date)) / 365.25)",
)
# twice as many leads from October to December as in the rest of the year
SEASON = (
    "create temp table kept_leads as select distinct id from bitrix24.crm_lead "
    "where substr(date_create, 6, 2) in ('10', '11', '12') or hash(id, 'season') % 2 = 0",
)
# a third of the won deals are those of one client, who pays three times as much
BIG_CLIENT = (
    "update bitrix24.crm_deal set company_id = '900001', contact_id = '0' "
    "where stage_semantic_id = 'S' and hash(id, 'big') % 3 = 0",
    times("3", "where company_id = '900001'"),
    "insert into bitrix24.crm_company by name select '900001' as id, '11' as assigned_by_id, "
    "'2023-11-01T10:00:00+03:00' as date_create, '2023-11-01T10:00:00+03:00' as date_modify, "
    "'Y' as has_phone, 'Y' as has_email",
)
# leads are given up with the go-live: a deal is created at the first touch
SIMPLE_CRM = (
    "create temp table given_up as select * from bitrix24.crm_lead "
    f"where left(date_create, 10) >= '{GO_LIVE}'",
    "create temp table converted as select lead_id, id as deal_id from bitrix24.crm_deal",
    "update bitrix24.crm_deal set date_create = given_up.date_create, lead_id = '0' "
    "from given_up where crm_deal.lead_id = given_up.id",
    "insert into bitrix24.crm_deal by name select '8' || id as id, "
    "case when status_semantic_id <> 'F' then 'NEW' when status_id like 'UC%' then status_id "
    "else 'LOSE' end as stage_id, "
    "case when status_semantic_id = 'F' then 'F' else 'P' end as stage_semantic_id, "
    "'0' as category_id, '0.00' as opportunity, 'RUB' as currency_id, '0' as company_id, "
    "'0' as contact_id, '0' as lead_id, source_id, assigned_by_id, assigned_by_id as "
    "created_by_id, date_create, date_modify, moved_time, 'N' as is_recurring "
    "from given_up where status_id not in ('CONVERTED', 'UC_SPAM', 'UC_DUPLICATE', 'UC_TEST')",
    "update bitrix24.crm_activity set owner_type_id = '2', owner_id = moved.deal_id "
    "from (select given_up.id, coalesce(max(converted.deal_id), '8' || given_up.id) as deal_id "
    "from given_up left join converted on given_up.id = converted.lead_id group by given_up.id) "
    "as moved where owner_type_id = '1' and owner_id = moved.id",
    "delete from bitrix24.crm_lead where id in (select id from given_up)",
    "delete from bitrix24.crm_lead_status_history where owner_id in (select id from given_up)",
)
# leads that were not kept go with all that came of them
WITHOUT_THE_REST = (
    "delete from bitrix24.crm_deal where lead_id <> '0' "
    "and lead_id not in (select id from kept_leads)",
    "delete from bitrix24.crm_lead where id not in (select id from kept_leads)",
    "delete from bitrix24.crm_activity where owner_type_id = '1' "
    "and owner_id not in (select id from bitrix24.crm_lead)",
    "delete from bitrix24.crm_activity where owner_type_id = '2' "
    "and owner_id not in (select id from bitrix24.crm_deal)",
)
# deals of after the go-live at 40 % of their price
CHEAP_DEALS = (times("0.4", f"where left(date_create, 10) >= '{GO_LIVE}'"),)


def drawn(seed: int, name: str, memory: float) -> str:
    """SQL of a table with the factor of each month: 1 in the mean, spread by 20 %."""
    noise = random.Random(f"{seed} {name}")
    value = noise.gauss(0, 1)
    rows = []
    for number in range(2022 * 12, 2027 * 12):
        rows.append(f"('{number // 12}-{number % 12 + 1:02}', {1 + SPREAD * value:.6f})")
        value = memory * value + sqrt(1 - memory**2) * noise.gauss(0, 1)
    return (
        f"create temp table {name}_months as select month, greatest(0.4, least(1.6, factor)) "
        f"as factor from (values {', '.join(rows)}) as drawn (month, factor)"
    )


def stretched(begin: str, end: str) -> str:
    """SQL of a time that comes sooner after another by the month's factor."""
    begin, end = (f"try_cast(left({time}, 19) as timestamp)" for time in (begin, end))
    seconds = f"datediff('second', {begin}, {end})"
    return (
        f"replace(strftime({begin} + to_seconds(factor / 1.6 * {seconds}), "
        "'%Y-%m-%d %H:%M:%S'), ' ', 'T') || '+03:00'"
    )


def months_differ(memory: float) -> Callable[[int], Statements]:
    """Demand, wins, answers, cycles and prices each have good and bad months of their own."""

    def changes(seed: int) -> Statements:
        names = ("demand", "wins", "answers", "cycles", "prices")
        return (
            *(drawn(seed, name, memory) for name in names),
            "create temp table kept_leads as select distinct id from bitrix24.crm_lead "
            "inner join demand_months on left(date_create, 7) = month "
            "where hash(id, 'demand') % 1600 < 1000 * factor",
            *WITHOUT_THE_REST,
            # some of what was won is lost instead
            "create temp table lost_after_all as select distinct id from bitrix24.crm_deal "
            "inner join wins_months on left(date_create, 7) = month "
            "where stage_semantic_id = 'S' and hash(id, 'wins') % 1600 >= 1000 * factor",
            "update bitrix24.crm_deal set stage_semantic_id = 'F', "
            "stage_id = replace(stage_id, 'WON', 'LOSE') "
            "where id in (select id from lost_after_all)",
            "update bitrix24.crm_deal_stage_history set stage_semantic_id = 'F', "
            "stage_id = replace(stage_id, 'WON', 'LOSE') "
            "where stage_semantic_id = 'S' and owner_id in (select id from lost_after_all)",
            times("factor", "from prices_months where left(moved_time, 7) = month"),
            # an answer keeps its request, and its wait is stretched
            "create temp table waits as select answers.id, max(requests.created) as asked, "
            "max(factor) as factor from bitrix24.crm_activity as answers "
            "inner join bitrix24.crm_activity as requests on cast(requests.id as bigint) "
            "= cast(answers.id as bigint) - case cast(answers.id as bigint) % 64 "
            "when 1 then 1 when 49 then 1 else 16 end "
            "inner join answers_months on left(requests.created, 7) = month "
            "where answers.direction = '2' and requests.direction = '1' "
            "and (cast(answers.id as bigint) % 64 in (1, 49) "
            "or cast(answers.id as bigint) % 64 between 32 and 44) group by answers.id",
            "update bitrix24.crm_activity set created = later, start_time = later, "
            f"end_time = later from (select waits.id, {stretched('asked', 'created')} as later "
            "from waits inner join bitrix24.crm_activity as acts on acts.id = waits.id) as found "
            "where crm_activity.id = found.id",
            "update bitrix24.crm_deal_stage_history as history set created_time = "
            f"{stretched('deals.date_create', 'history.created_time')} "
            "from (select id, max(date_create) as date_create from bitrix24.crm_deal group by id) "
            "as deals inner join cycles_months on left(deals.date_create, 7) = month "
            "where history.owner_id = deals.id",
        )

    return changes


def always(*statements: str) -> Callable[[int], Statements]:
    return lambda seed: statements


SHAPES = {
    "plain": Shape("plain"),
    "months_differ": Shape("months differ by 20 %", months_differ(0.0)),
    "months_hang_together": Shape(
        "months differ by 20 %, autocorrelation 0.5", months_differ(MEMORY)
    ),
    "growth": Shape("half again as many leads a year", always(*GROWTH, *WITHOUT_THE_REST)),
    "season": Shape(
        "a season, data from half a year before", always(*SEASON, *WITHOUT_THE_REST), YOUNG
    ),
    "big_client": Shape("one client has a third of the deals", always(*BIG_CLIENT)),
    "inflation": Shape("prices and costs + 9 % a year", always(*PRICES_RISE), has_prices=True),
    "register": Shape("the register of processes filled in", has_register=True),
    "young": Shape("data of half a year before, none returns", always(*NOBODY_RETURNS), YOUNG),
    "answers_lost": Shape("60 % of answers before not written down", always(*ANSWERS_LOST)),
    "half_of_the_letters": Shape(
        "half of our letters before missing", always(*HALF_OF_THE_LETTERS)
    ),
    "no_calls": Shape("telephony connected with the go-live", always(*NO_CALLS)),
    "nothing_recorded": Shape("no activity before", always(*NOTHING_RECORDED)),
    "winners_alone": Shape("four of five lost leads before missing", always(*WINNERS_ALONE)),
    "simple_crm": Shape("leads given up with the go-live", always(*SIMPLE_CRM)),
    "discipline_grows": Shape("ever more answers written down", always(*DISCIPLINE_GROWS)),
    "all_of_it": Shape(
        "no activity before, prices, register",
        always(*NOTHING_RECORDED, *PRICES_RISE),
        has_prices=True,
        has_register=True,
    ),
}
