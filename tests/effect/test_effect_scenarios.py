"""Before and after: which months are compared, and what may be said of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from effect_models import AFTER, BEFORE, Effects, Row, comparison_months, days, month, periods
from harness import REPOSITORY, seed_rows

# long after all the months of the tests: every lead has had its time
LATER = [{"as_of_at": datetime(2030, 1, 1)}]


def windows(
    effects: Effects,
    months: list[Row],
    go_live: str,
    settings: list[Row] = LATER,
    column: str = "is_compared",
) -> dict[str, list[date]]:
    found: dict[str, list[date]] = {"before": [], "after": []}
    given = {"int_periods": months, "int_run_settings": settings}
    for row in effects.rows("int_comparison_months", given, go_live):
        if row[column]:
            found[row["window_name"]].append(row["period_start"])
    return {name: sorted(starts) for name, starts in found.items()}


def of(*numbers: int) -> list[date]:
    return [month(number) for number in numbers]


# -- the months of the windows


def test_the_month_after_go_live_is_in_no_window(effects: Effects) -> None:
    found = windows(effects, periods(4, 27), "2025-05-01")
    assert found == {"before": of(*range(5, 16)), "after": of(*range(17, 28))}
    assert month(16) == date(2025, 5, 1)


def test_a_go_live_within_a_month_takes_that_month_and_the_next_away(effects: Effects) -> None:
    found = windows(effects, periods(0, 40), "2025-05-15")
    # April ends before it, June is partly ramp-up
    assert (found["before"][-1], found["after"][0]) == (date(2025, 4, 1), date(2026, 6, 1))
    early = windows(effects, periods(0, 20), "2025-05-15")
    assert early["after"] == of(18, 19, 20)


def test_the_last_twelve_months_are_after_and_an_incomplete_one_is_not(effects: Effects) -> None:
    found = windows(effects, periods(0, 34, last_is_complete=False), "2025-05-01")
    assert found == {"before": of(*BEFORE), "after": of(*AFTER)}


def test_five_months_after_are_compared_with_the_same_five_before(effects: Effects) -> None:
    found = windows(effects, periods(0, 21), "2025-05-01")
    assert found == {"before": of(5, 6, 7, 8, 9), "after": of(17, 18, 19, 20, 21)}


def test_without_common_months_all_are_compared_and_the_seasons_differ(effects: Effects) -> None:
    # the portal has data from January 2025 on
    given = {"int_periods": periods(12, 21), "int_run_settings": LATER}
    rows = effects.rows("int_comparison_months", given)
    assert {row["is_same_season"] for row in rows} == {False}
    assert sum(row["is_compared"] for row in rows) == 4 + 5


def test_leads_too_young_to_be_won_are_left_out_on_both_sides(effects: Effects) -> None:
    at_the_end = [{"as_of_at": datetime(2026, 11, 1)}]
    months = periods(0, 33)
    found = windows(effects, months, "2025-05-01", at_the_end, "is_compared_ripe")
    # 90 days after the end of July 2026 are over before November, those after August are not
    assert (month(31), month(33)) == (date(2026, 8, 1), date(2026, 10, 1))
    assert found["after"] == of(*range(22, 31))
    assert found["before"] == of(4, 5, 6, *range(10, 16))


@pytest.mark.parametrize("go_live", ["2020-01-01", "2023-12-31", "2026-11-01", "2031-07-15"])
def test_a_go_live_outside_the_data_is_no_data(effects: Effects, go_live: str) -> None:
    months = range(0, 34)
    found = judged(effects, values(conversion=dict.fromkeys(months, (20, 100))), months, go_live)
    assert {row["status"] for row in found.values()} == {"no_data"}
    assert {row["warning"] for row in found.values()} == {"too_few_months"}
    (verdict,) = found_verdict(effects, go_live, months)
    assert verdict["verdict"] == "not_enough_data"
    assert verdict["families_no_data"] == 8
    assert verdict["chance_of_verdict_by_luck"] is None


def test_fewer_than_three_months_after_are_no_data(effects: Effects) -> None:
    for last, status in ((18, "no_data"), (19, "not_distinguishable")):
        months = range(4, last + 1)
        found = judged(effects, values(conversion=dict.fromkeys(months, (20, 100))), months)
        assert found["conversion"]["status"] == status, last


# -- what the scorecard says of them


Series = dict[int, tuple[float, float]]


def values(**series: Series) -> list[Row]:
    """Monthly values of metrics from their numerators and denominators."""
    return [
        {
            "metric_code": code,
            "period_start": month(number),
            "value": numerator / denominator * (100 if code in PERCENT else 1),
            "numerator": numerator,
            "denominator": denominator,
        }
        for code, months in series.items()
        for number, (numerator, denominator) in months.items()
    ]


PERCENT = ("conversion", "retention", "churn", "automation_level")


def given(rows: list[Row], months: range, **inputs: list[Row]) -> dict[str, list[Row]]:
    return {
        "int_periods": periods(months[0], months[-1]),
        "int_period_days": days(months[0], months[-1]),
        "int_effect_monthly_values": rows,
        "int_run_settings": LATER,
        **inputs,
    }


def judged(
    effects: Effects,
    rows: list[Row],
    months: range,
    go_live: str = "2025-05-01",
    **inputs: list[Row],
) -> dict[str, Any]:
    found = effects.rows("crm_scorecard", given(rows, months, **inputs), go_live)
    assert len(found) == len(seed_rows(REPOSITORY / "seeds", "metric_catalog"))
    return {row["metric_code"]: row for row in found}


def found_verdict(effects: Effects, go_live: str, months: range) -> list[Row]:
    return effects.rows("crm_verdict", given([], months), go_live)


ALL = range(4, 34)


def test_a_change_is_judged_by_what_is_better_for_the_metric(effects: Effects) -> None:
    up = {number: (20 if number < 16 else 60, 100) for number in ALL}
    found = judged(
        effects, values(conversion=up, churn=up, retention=dict.fromkeys(ALL, (9, 10))), ALL
    )
    assert [found[code]["status"] for code in ("conversion", "churn", "retention")] == [
        "better",
        "worse",
        "not_distinguishable",
    ]
    assert (found["conversion"]["before_n"], found["conversion"]["change"]) == (1200, 40)


def test_a_small_sample_is_no_data(effects: Effects) -> None:
    found = judged(effects, values(conversion={number: (0, 0.25) for number in ALL}), ALL)
    assert (found["conversion"]["status"], found["conversion"]["warning"]) == (
        "no_data",
        "sample_too_small",
    )


def test_the_register_of_processes_counts_as_it_is_at_the_end(effects: Effects) -> None:
    automated = {number: (2 if number < 30 else 14, 20) for number in ALL}
    row = judged(effects, values(automation_level=automated), ALL)["automation_level"]
    assert (row["before_n"], row["after_n"]) == (20, 20)
    assert (row["before_value"], row["after_value"], row["status"]) == (10, 70, "better")


def test_a_change_that_the_trend_would_have_brought_is_not_the_crm_s(effects: Effects) -> None:
    rising = {number: (100 + 10 * number, 1000) for number in ALL}
    row = judged(effects, values(conversion=rising), ALL)["conversion"]
    assert row["trend_before"] == pytest.approx(1)
    assert row["change_expected_by_trend"] == pytest.approx(row["change"])
    assert row["status"] == "explained_by_trend"


def test_a_change_above_the_trend_is_the_crm_s(effects: Effects) -> None:
    rising = {number: (100 + 10 * number + (200 if number > 15 else 0), 1000) for number in ALL}
    assert judged(effects, values(conversion=rising), ALL)["conversion"]["status"] == "better"


def test_a_trend_against_the_change_explains_nothing(effects: Effects) -> None:
    turned = {number: (500 - 10 * number if number < 16 else 700, 1000) for number in ALL}
    assert judged(effects, values(conversion=turned), ALL)["conversion"]["status"] == "better"


def test_a_trend_of_noise_explains_nothing(effects: Effects) -> None:
    shaken = {
        number: (100 + (60 if number % 2 else 0) + (150 if number > 15 else 0), 1000)
        for number in ALL
    }
    assert judged(effects, values(conversion=shaken), ALL)["conversion"]["status"] == "better"


def test_differing_seasons_are_a_warning_and_equal_ones_none(effects: Effects) -> None:
    for first, warning in ((12, "different_seasons"), (4, None)):
        months = range(first, 22)
        row = judged(effects, values(conversion=dict.fromkeys(months, (20, 100))), months)
        assert row["conversion"]["warning"] == warning
        assert row["conversion"]["status"] == "not_distinguishable"


# -- baselines measured by hand


def responses(months: range, minutes: list[int]) -> list[Row]:
    return [
        {
            "requested_date": month(number),
            "responded_at": datetime(2025, 1, 1),
            "response_microseconds": each * 60_000_000,
        }
        for number in months
        for each in minutes
    ]


def baseline(code: str, value: float, size: int | None, deviation: float | None) -> Row:
    return {
        "metric_code": code,
        "baseline_value": value,
        "sample_size": size,
        "std_dev": deviation,
    }


# the data begins with the CRM
SINCE = range(16, 34)


def test_a_baseline_with_its_spread_is_compared(effects: Effects) -> None:
    row = judged(
        effects,
        [],
        SINCE,
        fct_requests=responses(AFTER, [20, 30, 40]),
        stg_reference__manual_baseline=[baseline("response_time", 240, 120, 190)],
    )["response_time"]
    assert (row["before_source"], row["before_value"], row["after_value"]) == ("manual", 240, 30)
    assert (row["before_n"], row["after_n"]) == (120, 36)
    assert (row["status"], row["warning"]) == ("better", "measured_by_hand")
    assert row["before_median"] is None
    assert row["after_median"] == 30


def test_a_baseline_without_spread_is_shown_and_not_judged(effects: Effects) -> None:
    row = judged(
        effects,
        [],
        SINCE,
        fct_requests=responses(AFTER, [20, 30, 40]),
        stg_reference__manual_baseline=[baseline("response_time", 240, 120, None)],
    )["response_time"]
    assert (row["before_source"], row["before_value"], row["change"]) == ("manual", 240, -210)
    assert (row["change_ci_low"], row["change_ci_high"]) == (None, None)
    assert (row["status"], row["warning"]) == ("not_distinguishable", "no_interval")


def test_a_baseline_of_a_rate_needs_only_its_sample(effects: Effects) -> None:
    rows = values(conversion=dict.fromkeys(AFTER, (40, 100)))
    for size, status, warning in (
        (500, "better", "measured_by_hand"),
        (None, "not_distinguishable", "no_interval"),
    ):
        row = judged(
            effects,
            rows,
            SINCE,
            stg_reference__manual_baseline=[baseline("conversion", 20, size, None)],
        )["conversion"]
        assert (row["status"], row["warning"]) == (status, warning)
        assert (row["before_source"], row["before_value"]) == ("manual", 20)


def test_data_goes_before_a_baseline(effects: Effects) -> None:
    row = judged(
        effects,
        values(conversion=dict.fromkeys(ALL, (40, 100))),
        ALL,
        stg_reference__manual_baseline=[baseline("conversion", 20, 500, None)],
    )["conversion"]
    assert (row["before_source"], row["before_value"]) == ("data", 40)


# -- money


def test_without_costs_of_the_crm_there_is_no_net_effect(effects: Effects) -> None:
    months = [
        {"period_start": month(number), "leads": 10.0, "closed_deals": 2.0, "revenue": 50.0}
        for number in ALL
    ]
    (row,) = effects.rows(
        "crm_roi",
        {"int_effect_revenue_months": months, "int_comparison_months": comparison_months()},
    )
    assert (row["revenue_change"], row["net_effect"], row["payback_month"]) == (0, None, None)


def test_a_revenue_that_does_not_cover_the_crm_never_pays_back(effects: Effects) -> None:
    months = [
        {
            "period_start": month(number),
            "leads": 10.0,
            "closed_deals": 2.0,
            "revenue": 50.0,
            "crm_cost": 0.0 if number < 16 else 5.0,
        }
        for number in ALL
    ]
    (row,) = effects.rows(
        "crm_roi",
        {"int_effect_revenue_months": months, "int_comparison_months": comparison_months()},
    )
    assert (row["net_effect"], row["payback_month"], row["months_to_payback"]) == (-5, None, None)


def test_without_a_before_there_is_no_roi(effects: Effects) -> None:
    months = [{"period_start": month(number), "leads": 1.0} for number in SINCE]
    assert not effects.rows(
        "crm_roi",
        {
            "int_effect_revenue_months": months,
            "int_periods": periods(16, 33),
            "int_run_settings": LATER,
        },
    )
