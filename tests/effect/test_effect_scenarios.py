"""Before and after: which months are compared, and what may be said of them."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from effect_models import AFTER, BEFORE, Effects, Row, month, months_of, periods
from harness import REPOSITORY, seed_rows

ALL = range(4, 34)
Series = dict[int, tuple[float, float]]

PERCENT = ("conversion", "retention", "churn", "automation_level")


def given(rows: list[Row], months: range = ALL, **inputs: list[Row]) -> dict[str, list[Row]]:
    return {
        "int_periods": periods(months[0], months[-1]),
        "int_effect_months": rows,
        "int_run_settings": [{"as_of_at": datetime(2026, 11, 1), "base_currency": "RUB"}],
        "int_data_span": [{"first_month": month(0), "last_date": month(34)}],
    } | inputs


def judged(
    effects: Effects,
    rows: list[Row],
    months: range = ALL,
    go_live: str = "2025-05-01",
    **inputs: list[Row],
) -> dict[str, Any]:
    found = effects.rows("crm_scorecard", given(rows, months, **inputs), go_live)
    assert len(found) == len(seed_rows(REPOSITORY / "seeds", "metric_catalog"))
    return {row["metric_code"]: row for row in found}


def shaken(level: float, step: float = 0.0, noise: float = 2.0, months: range = ALL) -> Series:
    """Percentages of 100 that change by the step at go-live; odd months differ from even ones."""
    return {
        number: (level + (noise if number % 2 else -noise) + (step if number >= 16 else 0), 100.0)
        for number in months
    }


def windows(
    effects: Effects, rows: list[Row], months: range, go_live: str, is_last_complete: bool = True
) -> dict[str, list[date]]:
    inputs = given(rows, months) | {"int_periods": periods(months[0], months[-1], is_last_complete)}
    found: dict[str, list[date]] = {"before": [], "after": []}
    for row in effects.rows("int_effect_window_months", inputs, go_live):
        if row["is_compared"]:
            found[row["window_name"]].append(row["period_start"])
    return {name: sorted(starts) for name, starts in found.items()}


def of(*numbers: int) -> list[date]:
    return [month(number) for number in numbers]


def known(months: range, **other: Any) -> list[Row]:
    return months_of("conversion", dict.fromkeys(months, (20, 100)), **other)


# -- the months of the windows


def test_the_month_after_go_live_is_in_no_window(effects: Effects) -> None:
    months = range(4, 28)
    found = windows(effects, known(months), months, "2025-05-01")
    assert found == {"before": of(*range(5, 16)), "after": of(*range(17, 28))}
    assert month(16) == date(2025, 5, 1)


def test_a_go_live_within_a_month_takes_that_month_and_the_next_away(effects: Effects) -> None:
    months = range(0, 41)
    found = windows(effects, known(months), months, "2025-05-15")
    # April ends before it, June is partly ramp-up
    assert (found["before"][-1], found["after"][0]) == (date(2025, 4, 1), date(2026, 6, 1))
    months = range(0, 21)
    assert windows(effects, known(months), months, "2025-05-15")["after"] == of(18, 19, 20)


def test_the_last_twelve_months_are_after_and_an_incomplete_one_is_not(effects: Effects) -> None:
    months = range(0, 35)
    found = windows(effects, known(months), months, "2025-05-01", is_last_complete=False)
    assert found == {"before": of(*BEFORE), "after": of(*AFTER)}


def test_the_first_twelve_months_can_be_after(tmp_path: Path) -> None:
    months = range(0, 60)
    found = windows(
        Effects(tmp_path, {"after_window": "first"}), known(months), months, "2025-05-01"
    )
    assert found["after"] == of(*range(17, 29))


def test_five_months_after_are_compared_with_the_same_five_before(effects: Effects) -> None:
    months = range(0, 22)
    found = windows(effects, known(months), months, "2025-05-01")
    assert found == {"before": of(5, 6, 7, 8, 9), "after": of(17, 18, 19, 20, 21)}


def test_without_common_months_all_are_compared_and_the_seasons_differ(effects: Effects) -> None:
    months = range(12, 22)
    found = windows(effects, known(months), months, "2025-05-01")
    assert (len(found["before"]), len(found["after"])) == (4, 5)
    row = judged(effects, known(months), months)["conversion"]
    assert row["warning"] == "different_seasons"
    assert row["status"] == "not_distinguishable"


def test_months_that_are_not_ripe_are_left_out_with_their_twins(effects: Effects) -> None:
    rows = known(range(4, 31)) + known(range(31, 34), is_ripe=False)
    found = windows(effects, rows, ALL, "2025-05-01")
    assert found["after"] == of(*range(22, 31))
    assert found["before"] == of(4, 5, 6, *range(10, 16))


def test_months_at_the_beginning_of_the_data_are_not_compared(effects: Effects) -> None:
    young = months_of("retention", shaken(90, months=range(4, 16)), is_settled=False)
    rows = young + months_of("retention", shaken(80, months=range(16, 34)))
    row = judged(effects, rows)["retention"]
    assert (row["status"], row["warning"]) == ("no_data", "history_too_short")
    assert (row["before_value"], row["change_ci_low"]) == (None, None)


def test_months_too_young_are_the_reason_where_there_are_enough_of_them(effects: Effects) -> None:
    months = range(4, 22)
    rows = known(range(4, 18)) + known(range(18, 22), is_ripe=False)
    row = judged(effects, rows, months)["conversion"]
    assert (row["status"], row["warning"]) == ("no_data", "too_early")


@pytest.mark.parametrize("go_live", ["2020-01-01", "2023-12-31", "2026-11-01", "2031-07-15"])
def test_a_go_live_outside_the_data_is_no_data(effects: Effects, go_live: str) -> None:
    found = judged(effects, known(range(0, 34)), range(0, 34), go_live)
    assert {row["status"] for row in found.values()} == {"no_data"}
    assert {row["warning"] for row in found.values()} == {"too_few_months"}
    (verdict,) = effects.rows("crm_verdict", given(known(ALL)), go_live)
    assert verdict["verdict"] == "not_enough_data"
    # the register of processes has no vote, so its lack is none
    assert verdict["families_no_data"] == 7
    assert verdict["chance_under_no_effect"] is None


def test_without_a_go_live_date_nothing_is_compared_and_the_verdict_says_why(
    effects: Effects,
) -> None:
    found = judged(effects, known(ALL), go_live="")
    assert {(row["status"], row["warning"]) for row in found.values()} == {
        ("no_data", "go_live_missing")
    }
    assert not effects.rows("metric_windows", given(known(ALL)), "")
    assert not effects.rows("crm_roi", given(known(ALL)), "")
    (verdict,) = effects.rows("crm_verdict", given(known(ALL)), "")
    assert (verdict["verdict"], verdict["reason"]) == ("not_enough_data", "go_live_missing")
    assert (verdict["go_live_date"], verdict["before_from"]) == (None, None)


def test_fewer_than_three_months_after_are_no_data(effects: Effects) -> None:
    for last, status in ((18, "no_data"), (19, "not_distinguishable")):
        months = range(4, last + 1)
        assert judged(effects, known(months), months)["conversion"]["status"] == status, last


# -- what the scorecard says of them


def test_a_change_is_judged_by_what_is_better_for_the_metric(effects: Effects) -> None:
    rows = months_of("conversion", shaken(20, 40)) + months_of("churn", shaken(20, 40))
    rows += months_of("retention", dict.fromkeys(ALL, (90, 100)))
    found = judged(effects, rows)
    assert [found[code]["status"] for code in ("conversion", "churn", "retention")] == [
        "better",
        "worse",
        "not_distinguishable",
    ]
    assert (found["conversion"]["before_n"], found["conversion"]["change"]) == (1200, 40)
    assert found["conversion"]["evidence"] == "strong"


def test_the_scorecard_shows_the_values_of_the_windows(effects: Effects) -> None:
    rows = months_of("conversion", shaken(20, 40))
    rows += months_of("conversion", shaken(30, 40), basis="article")
    shown = {
        row["window_name"]: row
        for row in effects.rows("metric_windows", given(rows))
        if row["metric_code"] == "conversion"
    }
    row = judged(effects, rows)["conversion"]
    assert (shown["before"]["value"], shown["after"]["value"]) == (20, 60)
    assert (row["before_value"], row["after_value"]) == (20, 60)
    assert (shown["before"]["article_value"], shown["after"]["article_value"]) == (30, 70)
    assert shown["before"]["measure"] == "won_within_90d_pct"
    assert (shown["before"]["months"], shown["before"]["first_month"]) == (12, month(4))


def test_a_small_sample_is_no_data(effects: Effects) -> None:
    rows = months_of("conversion", shaken(20), cases=0)
    row = judged(effects, rows)["conversion"]
    assert (row["status"], row["warning"]) == ("no_data", "sample_too_small")


def test_what_moves_between_all_and_all_has_no_vote(effects: Effects) -> None:
    rows = months_of("conversion", dict.fromkeys(ALL, (100, 100)))
    rows += months_of("lost_sales", dict.fromkeys(ALL, (0, 100)), request_kind="none")
    rows += months_of("average_deal_size", dict.fromkeys(ALL, (1000, 1)))
    found = judged(effects, rows)
    for code in ("conversion", "lost_sales"):
        assert (found[code]["warning"], found[code]["has_vote"]) == ("constant", False)
    assert found["average_deal_size"]["has_vote"]


def test_the_register_of_processes_is_shown_as_it_is_at_the_end_and_has_no_vote(
    effects: Effects,
) -> None:
    register = {number: (2 if number < 30 else 14, 20) for number in ALL}
    rows = months_of("automation_level", register, basis="article", cases=20)
    row = judged(effects, rows)["automation_level"]
    assert (row["before_value"], row["after_value"], row["change"]) == (10, 70, 60)
    assert (row["before_months"], row["before_n"]) == (12, 20)
    assert (row["status"], row["warning"]) == ("not_distinguishable", "no_interval")
    assert not row["has_vote"]


def test_messages_of_robots_on_both_sides_give_automation_a_vote(effects: Effects) -> None:
    register = months_of("automation_level", dict.fromkeys(ALL, (2, 20)), basis="article", cases=20)
    row = judged(effects, register + months_of("automation_level", shaken(20, 20)))[
        "automation_level"
    ]
    assert (row["before_value"], row["after_value"], row["status"]) == (20, 40, "better")
    assert row["has_vote"]
    only_after = months_of("automation_level", shaken(20, 20, months=range(16, 34)))
    assert not judged(effects, register + only_after)["automation_level"]["has_vote"]


def test_a_change_that_the_trend_would_have_brought_is_not_the_crm_s(effects: Effects) -> None:
    # what shakes the months hides that they hang together by the trend
    rising = {number: (100 + 10 * number + (40 if number % 2 else -40), 1000) for number in ALL}
    row = judged(effects, months_of("conversion", rising))["conversion"]
    assert row["trend_before"] == pytest.approx(1, rel=0.2)
    assert row["change_expected_by_trend"] == pytest.approx(row["change"], rel=0.2)
    assert row["status"] == "explained_by_trend"


def test_a_change_above_the_trend_is_the_crm_s_and_its_evidence_strong(effects: Effects) -> None:
    rising = {
        number: (100 + 10 * number + (number % 2) + (200 if number > 15 else 0), 1000)
        for number in ALL
    }
    row = judged(effects, months_of("conversion", rising))["conversion"]
    assert (row["status"], row["evidence"]) == ("better", "strong")


def test_a_trend_of_noise_explains_nothing(effects: Effects) -> None:
    assert judged(effects, months_of("conversion", shaken(10, 15, 3)))["conversion"]["status"] == (
        "better"
    )


def test_money_of_different_years_without_an_index_is_a_warning(effects: Effects) -> None:
    rows = months_of("average_deal_size", shaken(1000))
    for index, warning in (([], "prices_not_deflated"), ([{"price_index": 1.0}], None)):
        row = judged(effects, rows, stg_reference__price_index=index)["average_deal_size"]
        assert row["warning"] == warning


def test_lost_sales_are_compared_at_the_price_of_after(effects: Effects) -> None:
    rows = months_of("lost_sales", shaken(20), request_kind="none")
    prices = {number: (500 if number < 16 else 900, 1) for number in ALL}
    row = judged(effects, rows + months_of("average_deal_size", prices))["lost_sales"]
    assert (row["before_value"], row["after_value"]) == (180, 180)
    assert row["status"] == "not_distinguishable"


# -- looked at too early


def test_a_status_is_preliminary_until_all_months_after_are_there(effects: Effects) -> None:
    # go-live in May 2025, June is the first month after it: the twelfth is May 2026, number 28
    for last, is_preliminary in ((27, True), (28, False)):
        months = range(4, last + 1)
        rows = months_of("conversion", shaken(60, -40, months=months))
        found = judged(effects, rows, months)
        row = found["conversion"]
        assert row["status"] == "worse"
        assert row["is_preliminary"] is is_preliminary
        assert row["final_from"] == (date(2026, 6, 1) if is_preliminary else None)
        # what is not judged is not preliminary either
        assert found["cac"]["is_preliminary"] is False


# -- recorded alike


def coverage(kind: str, before: int, after: int, request_kind: str = "all") -> list[Row]:
    return [
        {
            "month_start": month(number),
            "record_kind": kind,
            "request_kind": request_kind,
            "recorded": before if number < 16 else after,
            "expected": 100,
        }
        for number in ALL
    ]


def test_what_was_recorded_differently_is_not_compared(effects: Effects) -> None:
    rows = months_of("conversion", shaken(60, -40))
    row = judged(effects, rows, recording_coverage=coverage("fruitless_demand", 38, 92))[
        "conversion"
    ]
    assert (row["status"], row["has_vote"]) == ("not_comparable", False)
    assert (row["coverage_kind"], row["coverage_before"], row["coverage_after"]) == (
        "fruitless_demand",
        0.38,
        0.92,
    )
    assert row["warning"].startswith("recorded_differently: fruitless_demand 0.38 before, 0.92")
    # it is shown all the same, without an interval that somebody might believe
    assert (row["before_value"], row["after_value"]) == (60, 20)
    assert row["change_ci_low"] is None


def test_half_the_coverage_is_just_alike(effects: Effects) -> None:
    rows = months_of("conversion", shaken(60, -40))
    for before, status in ((46, "worse"), (45, "not_comparable")):
        found = judged(effects, rows, recording_coverage=coverage("fruitless_demand", before, 92))
        assert found["conversion"]["status"] == status


def test_a_kind_that_the_metric_does_not_stand_on_does_not_matter(effects: Effects) -> None:
    rows = months_of("conversion", shaken(60, -40))
    found = judged(effects, rows, recording_coverage=coverage("telephony", 1, 92))
    assert found["conversion"]["status"] == "worse"


def test_response_time_is_compared_over_the_kinds_recorded_alike(effects: Effects) -> None:
    rows = months_of("response_time", shaken(60), request_kind="call")
    rows += months_of("response_time", shaken(900, -800), request_kind="email")
    recorded = coverage("answered", 90, 95) + coverage("answered", 90, 95, "call")
    lost = coverage("answered", 40, 95, "email")
    row = judged(effects, rows, recording_coverage=recorded + lost)["response_time"]
    assert (row["before_value"], row["after_value"]) == pytest.approx((0.6, 0.6))
    assert row["status"] == "not_distinguishable"
    assert row["warning"] == "some_kinds_left_out"
    row = judged(effects, rows, recording_coverage=recorded)["response_time"]
    assert row["status"] == "better"


def test_a_person_who_knows_can_overrule_it(tmp_path: Path) -> None:
    rows = months_of("conversion", shaken(60, -40))
    row = judged(
        Effects(tmp_path, {"recorded_alike": ["conversion"]}),
        rows,
        recording_coverage=coverage("fruitless_demand", 38, 92),
    )["conversion"]
    assert (row["status"], row["warning"]) == ("worse", "recorded_alike_by_var")


# -- baselines measured by hand


def baseline(code: str, value: float, size: int | None, deviation: float | None) -> Row:
    return {
        "metric_code": code,
        "baseline_value": value,
        "sample_size": size,
        "std_dev": deviation,
    }


# the data begins with the CRM
SINCE = range(16, 34)


def published(code: str, value: float, denominator: float = 100.0) -> list[Row]:
    """The article's figure of the months since the go-live, which is not what windows compare."""
    series = {
        number: ((value + (1 if number % 2 else -1)) * denominator, denominator) for number in SINCE
    }
    other = months_of(code, shaken(77, months=SINCE))
    return other + months_of(code, series, basis="article")


def test_a_baseline_with_its_spread_is_compared_with_the_published_figure(
    effects: Effects,
) -> None:
    row = judged(
        effects,
        published("response_time", 30),
        SINCE,
        stg_reference__manual_baseline=[baseline("response_time", 240, 120, 190)],
    )["response_time"]
    assert row["before_source"] == "manual"
    assert (row["before_value"], row["after_value"]) == pytest.approx((240, 30))
    assert (row["before_n"], row["before_months"]) == (120, None)
    assert (row["status"], row["warning"]) == ("better", "measured_by_hand")


def test_a_baseline_without_spread_is_shown_and_not_judged(effects: Effects) -> None:
    row = judged(
        effects,
        published("response_time", 30),
        SINCE,
        stg_reference__manual_baseline=[baseline("response_time", 240, 120, None)],
    )["response_time"]
    assert row["change"] == pytest.approx(-210)
    assert (row["change_ci_low"], row["change_ci_high"]) == (None, None)
    assert row["status"] == "not_distinguishable"
    assert row["warning"] == "no_interval, measured_by_hand"


def test_a_baseline_of_a_rate_needs_only_its_sample(effects: Effects) -> None:
    # 19.14 % of 100 leads are won deals by the article's formula
    rows = published("conversion", 0.1914)
    rows = [
        row | {"numerator": row["numerator"] / 100, "denominator": 1.0}
        if row["basis"] == "article"
        else row
        for row in rows
    ]
    for size, status in ((500, "not_distinguishable"), (None, "not_distinguishable")):
        row = judged(
            effects,
            rows,
            SINCE,
            stg_reference__manual_baseline=[baseline("conversion", 19.10, size, None)],
        )["conversion"]
        assert row["before_source"] == "manual"
        assert row["before_value"] == 19.10
        assert row["after_value"] == pytest.approx(19.14)
        assert row["status"] == status
        assert (row["change_ci_low"] is None) == (size is None)


def test_a_baseline_of_lost_sales_is_that_of_its_whole_time(effects: Effects) -> None:
    year = {"period_start": date(2024, 1, 1), "period_end": date(2024, 12, 31)}
    row = judged(
        effects,
        published("lost_sales", 1000, denominator=1.0),
        SINCE,
        stg_reference__manual_baseline=[baseline("lost_sales", 12_000, None, None) | year],
    )["lost_sales"]
    assert (row["before_value"], row["after_value"]) == pytest.approx((1000, 1000))


def test_data_goes_before_a_baseline_unless_it_was_recorded_differently(effects: Effects) -> None:
    rows = months_of("conversion", shaken(40)) + months_of(
        "conversion", shaken(50), basis="article"
    )
    manual = [baseline("conversion", 20, 500, None)]
    row = judged(effects, rows, stg_reference__manual_baseline=manual)["conversion"]
    assert (row["before_source"], row["before_value"]) == ("data", 40)
    row = judged(
        effects,
        rows,
        stg_reference__manual_baseline=manual,
        recording_coverage=coverage("fruitless_demand", 1, 92),
    )["conversion"]
    assert (row["before_source"], row["before_value"], row["after_value"]) == ("manual", 20, 50)
    assert row["status"] == "better"


# -- money


def money(crm: float, revenue_after: float = 50.0) -> list[Row]:
    return [
        {
            "period_start": month(number),
            "price_factor": 1.0,
            "leads": 10.0,
            "closed_deals": 2.0,
            "revenue": (50.0 if number < 16 else revenue_after) + (1 if number % 2 else -1),
            "marketing_cost": 0.0,
            "salary_cost": 0.0,
            "other_cost": 0.0,
            "crm_cost": 0.0 if number < 16 else crm,
        }
        for number in ALL
    ]


COST = {"cost_type": "crm", "amount": 1.0, "date_from": month(16), "date_to": month(33)}


def roi(effects: Effects, months: list[Row], **inputs: list[Row]) -> list[Row]:
    net = {4 + place: (row["revenue"], 1.0) for place, row in enumerate(months)}
    rows = given(months_of("net_effect", net), int_effect_money_months=months, **inputs)
    return effects.rows("crm_roi", rows)


def test_without_costs_of_the_crm_there_is_no_net_effect(effects: Effects) -> None:
    (row,) = roi(effects, money(0))
    assert (row["revenue_change"], row["net_effect"], row["payback_month"]) == (0, None, None)
    assert row["warning"] == "crm_cost_unknown"


def test_a_revenue_that_does_not_cover_the_crm_never_pays_back(effects: Effects) -> None:
    (row,) = roi(effects, money(5), stg_reference__costs=[COST])
    assert (row["net_effect"], row["payback_month"]) == (-5, None)
    assert row["net_effect_ci_high"] < 0
    assert row["payback_earliest"] is None


def test_a_revenue_that_covers_the_crm_for_sure_has_paid_it_back(effects: Effects) -> None:
    level = [{"month_start": month(0), "price_index": 1.0}]
    known = {"stg_reference__costs": [COST], "stg_reference__price_index": level}
    # as much may be the work of prices alone, where nothing tells how they rose
    (row,) = roi(effects, money(5, 60), stg_reference__costs=[COST])
    assert (row["payback_month"], row["warning"]) == (None, "prices_not_deflated")
    (row,) = roi(effects, money(5, 60), **known)
    assert row["net_effect"] == pytest.approx(5)
    assert row["net_effect_ci_low"] > 0
    assert (row["payback_month"], row["months_to_payback"]) == (month(16), 1)
    assert row["payback_earliest"] <= row["payback_month"] <= row["payback_latest"]


def test_a_gain_that_may_be_chance_has_an_earliest_month_and_no_payback(effects: Effects) -> None:
    (row,) = roi(effects, money(5, 55.2), stg_reference__costs=[COST])
    assert row["net_effect_ci_low"] < 0 < row["net_effect"] < row["net_effect_ci_high"]
    assert (row["payback_month"], row["payback_latest"]) == (None, None)
    assert row["payback_earliest"] is not None


def test_costs_recorded_differently_leave_no_net_effect(effects: Effects) -> None:
    (row,) = roi(
        effects,
        money(5, 60),
        stg_reference__costs=[COST],
        recording_coverage=coverage("costs_salary", 100, 0),
    )
    assert (row["net_effect"], row["warning"]) == (None, "costs_recorded_differently")


def test_without_a_margin_the_lines_say_revenue(tmp_path: Path) -> None:
    (row,) = roi(
        Effects(tmp_path, {"gross_margin_rate": ""}), money(5, 60), stg_reference__costs=[COST]
    )
    assert row["revenue_change"] == pytest.approx(10)
    assert (row["margin_change"], row["net_effect"], row["payback_month"]) == (None, None, None)
    assert row["warning"] == "margin_unknown"


def test_without_a_before_there_is_no_roi(effects: Effects) -> None:
    months = [row for row in money(5) if row["period_start"] >= month(16)]
    assert not effects.rows("crm_roi", given([], SINCE, int_effect_money_months=months))


# -- goals

TODAY = {
    "as_of_at": datetime(2026, 11, 1),
    "as_of_date": date(2026, 11, 1),
    "base_currency": "RUB",
}


def goal_of(effects: Effects, rows: list[Row], goal: Row, **inputs: Any) -> tuple[Any, ...]:
    code = rows[0]["metric_code"]
    goals = [{"metric_code": code, "target_date": date(2026, 11, 1)} | goal]
    card = judged(effects, rows, stg_reference__goals=goals, int_run_settings=[TODAY], **inputs)
    assert {row["goal_status"] for other, row in card.items() if other != code} == {"no_goal"}
    assert {row["goal_value"] for other, row in card.items() if other != code} == {None}
    return card[code]["goal_value"], card[code]["goal_status"]


OCTOBER = {"target_date": date(2026, 10, 31)}


@pytest.mark.parametrize(
    ("code", "goal", "value", "status"),
    [
        # from 40 % to 48 %
        ("conversion", {"target_change_pct": 20}, 48, "met"),
        ("conversion", {"target_change_pct": 20} | OCTOBER, 48, "met"),
        ("conversion", {"target_change_pct": 25}, 50, "on_the_way"),
        ("conversion", {"target_change_pct": 25} | OCTOBER, 50, "missed"),
        ("conversion", {"target_value": 48}, 48, "met"),
        ("conversion", {"target_value": 48.1} | OCTOBER, 48.1, "missed"),
        # the same figures where lower is better
        ("churn", {"target_change_pct": -20}, 32, "on_the_way"),
        ("churn", {"target_change_pct": -20} | OCTOBER, 32, "missed"),
        ("churn", {"target_value": 49} | OCTOBER, 49, "met"),
    ],
)
def test_a_goal_is_met_missed_or_on_the_way(
    effects: Effects, code: str, goal: Row, value: float, status: str
) -> None:
    found = goal_of(effects, months_of(code, shaken(40, 8)), goal)
    assert found == (pytest.approx(value), status)


def test_what_was_recorded_differently_meets_a_value_and_no_change(effects: Effects) -> None:
    rows = months_of("conversion", shaken(40, 20))
    differently = {"recording_coverage": coverage("fruitless_demand", 1, 92)}
    change, value = {"target_change_pct": 10}, {"target_value": 50}
    assert goal_of(effects, rows, change, **differently) == (pytest.approx(44), "on_the_way")
    assert goal_of(effects, rows, change | OCTOBER, **differently) == (pytest.approx(44), None)
    assert goal_of(effects, rows, value | OCTOBER, **differently) == (50, "met")


def test_a_goal_without_enough_after_is_on_the_way_until_its_day_is_over(effects: Effects) -> None:
    few = months_of("conversion", shaken(40, 20, months=range(4, 18)))
    none = months_of("conversion", shaken(40, months=range(4, 16)))
    rare = months_of("conversion", shaken(40, 20), cases=0)
    for rows in (few, none, rare):
        assert goal_of(effects, rows, {"target_value": 50})[1] == "on_the_way"
        assert goal_of(effects, rows, {"target_value": 50} | OCTOBER)[1] is None


def test_a_change_without_a_before_has_no_value(effects: Effects) -> None:
    rows = months_of("conversion", shaken(40, 20, months=range(17, 34)))
    assert goal_of(effects, rows, {"target_change_pct": 20}) == (None, "on_the_way")
    assert goal_of(effects, rows, {"target_change_pct": 20} | OCTOBER) == (None, None)
    assert goal_of(effects, rows, {"target_value": 55} | OCTOBER) == (55, "met")
