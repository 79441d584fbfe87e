"""Portals in which nothing happened, made as reality makes them: none may be told otherwise."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from calibration import LATELY, MARGIN, WANTED, Judged, Wish, judge, wish_of
from harness import MARTS, Case, Compiled, compile_project, rows_of
from quiet_portals import CHEAP_DEALS, GO_LIVE, SHAPES
from running import IS_LONG, sample

SEEDS = [1, 2] if IS_LONG else [1]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    variables = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": MARGIN}
    return compile_project(tmp_path_factory.mktemp("quiet"), variables, wanted=WANTED)


def statuses(rows: list[Judged]) -> dict[str, str]:
    """The status of each metric, of a portal that is neither praised nor blamed."""
    assert not {"pays_off", "eats_the_budget"} & {row["verdict"] for row in rows}
    return {row["metric_code"]: row["status"] for row in rows}


def told_of(compiled: Compiled, shape: str, seed: int) -> dict[str, str]:
    return statuses(judge(compiled, wish_of(shape, 55, seed)))


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_that_were_not_written_down_before_make_no_faster_company(
    compiled: Compiled, seed: int
) -> None:
    found = told_of(compiled, "answers_lost", seed)
    for code in ("response_time", "automation_level"):
        assert found[code] == "not_comparable", code
    # over the kinds of request that are recorded alike it may be compared
    assert found["lost_sales"] in ("not_comparable", "not_distinguishable")


@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_the_letters_missing_before_makes_no_more_letters_of_people(
    compiled: Compiled, seed: int
) -> None:
    found = told_of(compiled, "half_of_the_letters", seed)
    # calls and forms are answered by letters as well
    for code in ("automation_level", "response_time", "lost_sales"):
        assert found[code] == "not_comparable", code


@pytest.mark.parametrize("seed", SEEDS)
def test_telephony_that_is_connected_with_the_crm_answers_nothing_faster(
    compiled: Compiled, seed: int
) -> None:
    found = told_of(compiled, "no_calls", seed)
    assert found["response_time"] in ("not_comparable", "not_distinguishable")
    assert found["lost_sales"] in ("not_comparable", "not_distinguishable")


@pytest.mark.parametrize("seed", SEEDS)
def test_recording_that_begins_with_the_crm_changes_nothing(compiled: Compiled, seed: int) -> None:
    found = told_of(compiled, "nothing_recorded", seed)
    for code in ("response_time", "lost_sales", "sales_cycle"):
        assert found[code] in ("not_comparable", "no_data"), code


@pytest.mark.parametrize("seed", SEEDS)
def test_leads_of_which_only_winners_were_written_down_before_are_not_compared(
    compiled: Compiled, seed: int
) -> None:
    found = told_of(compiled, "winners_alone", seed)
    for code in ("conversion", "lost_sales"):
        assert found[code] == "not_comparable", code


@pytest.mark.parametrize("seed", SEEDS)
def test_data_that_begin_half_a_year_before_the_crm_say_nothing_of_loyalty(
    compiled: Compiled, seed: int
) -> None:
    found = told_of(compiled, "young", seed)
    for code in ("retention", "churn", "ltv", "cac"):
        assert found[code] == "no_data", code


def test_a_portal_that_gives_up_leads_with_its_crm_is_told_nothing(compiled: Compiled) -> None:
    assert not {"better", "worse"} & set(told_of(compiled, "simple_crm", 1).values())


def test_prices_that_rise_pay_nothing_back(compiled: Compiled) -> None:
    rows = judge(compiled, wish_of("inflation", 300, 1))
    statuses(rows)
    assert {row["payback_month"] for row in rows} == {None}
    found = {row["metric_code"]: row for row in rows}
    # the deals are dearer for certain, and by no more than prices rise
    size = found["average_deal_size"]
    assert size["status"] == "not_distinguishable"


def test_a_crm_that_makes_deals_smaller_does_not_pay_off_whatever_else_it_does(
    compiled: Compiled,
) -> None:
    rows = judge(compiled, Wish(2000, 1.0, LATELY, 1), CHEAP_DEALS)
    assert {row["verdict"] for row in rows} == {"eats_the_budget"}
    assert {row["payback_month"] for row in rows} == {None}


@pytest.mark.parametrize("shape", sample(SHAPES, 3))
def test_no_shape_of_a_quiet_portal_pays_off(compiled: Compiled, shape: str) -> None:
    rows = judge(compiled, wish_of(shape, 40, 1))
    statuses(rows)
    assert {row["payback_month"] for row in rows} == {None}


# -- cases from real life, reduced

STATUSES = [
    {"id": str(key), "entity_id": entity, "status_id": status, "semantics": semantics}
    for key, (entity, status, semantics) in enumerate(
        (
            ("DEAL_STAGE", "NEW", "process"),
            ("DEAL_STAGE", "WON", "success"),
            ("DEAL_STAGE", "LOSE", "failure"),
            ("STATUS", "NEW", "process"),
            ("STATUS", "CONVERTED", "success"),
            ("STATUS", "JUNK", "failure"),
        ),
        1,
    )
]
SEEDS = (
    "costs", "business_processes", "manual_baseline", "exchange_rates", "price_index",
    "channels", "loss_reasons",
)  # fmt: skip


def at(year: int, number: int, day: int, minute: int = 0) -> str:
    return f"{year + number // 12}-{number % 12 + 1:02}-{day:02}T10:{minute:02}:00+03:00"


def deal(key: int, number: int, is_won: bool, lead: int | None, year: int = 2025) -> dict[str, str]:
    return {
        "id": str(key),
        "stage_id": "WON" if is_won else "LOSE",
        "category_id": "0",
        "date_create": at(year, number, 5, key % 60),
        "date_modify": at(year, number, 15),
        "moved_time": at(year, number, 15),
        "opportunity": "1000",
        "currency_id": "RUB",
        "contact_id": str(key),
        "assigned_by_id": "1",
        "lead_id": "" if lead is None else str(lead),
        "source_id": "WEB",
    }


def lead(key: int, number: int, is_won: bool) -> dict[str, str]:
    return {
        "id": str(key),
        "status_id": "CONVERTED" if is_won else "JUNK",
        "date_create": at(2025, number, 5, key % 60),
        "date_modify": at(2025, number, 5, key % 60),
        "assigned_by_id": "1",
        "source_id": "WEB",
    }


def told(
    folder: Path, portal: dict[str, list[dict[str, str]]], **variables: Any
) -> tuple[dict[str, dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
    """Scorecard, verdict and values of months; the seeds of the company are empty."""
    given = {"crm_go_live_date": "2025-07-01"} | variables
    compilation = compile_project(folder, given, wanted=(*WANTED, "metric_values"))
    case = Case(portal | {"crm_status": STATUSES}, {name: [] for name in SEEDS})
    with compilation.run(case) as connection:
        scorecard = {
            row["metric_code"]: row for row in rows_of(connection, f"{MARTS}.crm_scorecard")
        }
        (verdict,) = rows_of(connection, f"{MARTS}.crm_verdict")
        values = [
            row
            for row in rows_of(connection, f"{MARTS}.metric_values")
            if row["period_grain"] == "month" and row["segment_type"] == "all"
        ]
    return scorecard, verdict, values


def five_a_month(months: int, year: int) -> list[dict[str, str]]:
    """Won deals of clients who never come back."""
    return [
        deal(5 * number + place + 1, number, True, None, year)
        for number in range(months)
        for place in range(5)
    ]


def test_clients_who_never_come_back_are_no_worse_after_a_young_history(tmp_path: Path) -> None:
    """Five a month, January 2025 to July 2026 (case young-portal)."""
    scorecard, verdict, values = told(tmp_path, {"crm_deal": five_a_month(19, 2025)})
    assert not {row["status"] for row in scorecard.values()} & {"better", "worse"}
    assert verdict["verdict"] == "not_enough_data"
    for code, settled in (("retention", 100 * 5 / 6), ("churn", 100 / 7)):
        months = [row for row in values if row["metric_code"] == code]
        young = [row for row in months if row["period_start"] < date(2025, 8, 1)]
        assert {(row["value"], row["value_status"]) for row in young} == {
            (None, "history_too_short")
        }
        later = [row["value"] for row in months if row["period_start"] >= date(2025, 8, 1)]
        assert later == pytest.approx([settled] * 12)


def test_with_two_years_before_the_same_process_is_level(tmp_path: Path) -> None:
    scorecard, _, values = told(tmp_path, {"crm_deal": five_a_month(48, 2023)})
    later = [
        row["value"]
        for row in values
        if row["metric_code"] == "retention" and row["period_start"] >= date(2023, 8, 1)
    ]
    assert later == pytest.approx([100 * 5 / 6] * len(later))
    retention = scorecard["retention"]
    # nobody ever comes back, before or after
    assert (retention["before_value"], retention["after_value"]) == (0, 0)
    assert retention["warning"] == "constant"
    for row in scorecard.values():
        assert row["status"] in ("not_distinguishable", "no_data")


@pytest.mark.parametrize("is_mirrored", sample([False, True]))
def test_a_portal_that_gives_up_leads_or_takes_them_up_keeps_its_conversion(
    tmp_path: Path, is_mirrored: bool
) -> None:
    """Eight requests a month, two of them won: as leads, and in the other half-year as deals."""
    leads, deals = [], []
    for number in range(12):
        for place in range(8):
            key = 10 * (number + 1) + place
            if (number < 6) is not is_mirrored:
                leads.append(lead(key, number, place < 2))
                if place < 2:
                    deals.append(deal(key, number, True, key))
            else:
                deals.append(deal(key, number, place < 2, None))
    scorecard, _, values = told(
        tmp_path,
        {"crm_lead": leads, "crm_deal": deals},
        as_of="2026-04-15T00:00:00+03:00",
        ramp_up_months=0,
    )
    conversion = scorecard["conversion"]
    assert (conversion["before_value"], conversion["after_value"]) == (25, 25)
    assert conversion["status"] == "not_distinguishable"
    months = [row for row in values if row["metric_code"] == "conversion" and row["denominator"]]
    assert [row["value"] for row in months] == [25] * 12


def test_a_portal_with_empty_seeds_has_no_costs_and_no_processes(tmp_path: Path) -> None:
    """24 leads of 2025, all won (case shipped-seeds): no figure of another company."""
    leads = [lead(number + 1, number // 2, True) for number in range(24)]
    deals = [deal(number + 1, number // 2, True, number + 1) for number in range(24)]
    scorecard, verdict, values = told(tmp_path, {"crm_lead": leads, "crm_deal": deals})
    for code in ("cac", "automation_level"):
        assert {row["value_status"] for row in values if row["metric_code"] == code} == {
            "source_missing"
        }
        assert scorecard[code]["status"] == "no_data"
        assert scorecard[code]["warning"] == "source_missing"
    assert not {row["status"] for row in scorecard.values()} & {"better", "worse"}
    assert verdict["verdict"] == "not_enough_data"
