"""A figure over several months is the metric of those months, and a null says why."""

from __future__ import annotations

from datetime import date

import pytest

from bitrix24_effectiveness.report import Metric, Month, windows


def month(number: int, numerator: float | None, denominator: float | None, **other) -> Month:
    """Month `number` counted from January 2025; its value is the ratio, where there is one."""
    start = date(2025 + number // 12, number % 12 + 1, 1)
    end = date(2025 + (number + 1) // 12, (number + 1) % 12 + 1, 1)
    value = numerator / denominator if denominator else None
    fields = {
        "start": start,
        "end": date.fromordinal(end.toordinal() - 1),
        "is_complete": True,
        "value": value,
        "numerator": numerator,
        "denominator": denominator,
        "status": "no_data" if value is None else "measured",
    }
    return Month(**(fields | other))


def metric(code: str, months: list[Month], is_percent: bool = False) -> Metric:
    return Metric(code, {"en": code, "ru": code}, "percent", is_percent, months)


def test_a_ratio_over_a_year_is_the_ratio_of_its_sums_and_not_the_mean_of_ratios() -> None:
    months = [month(0, 1, 2), month(1, 1, 8)]
    assert metric("conversion", months, is_percent=True).over(months) == (20.0, "measured")


def test_a_month_without_a_denominator_still_counts() -> None:
    months = [month(0, 100, 4), month(1, 20, 0)]
    assert metric("cac", months).over(months) == (30.0, "measured")


@pytest.mark.parametrize(("code", "expected"), [("ltv", 3.0), ("lost_sales", 5.0)])
def test_what_is_no_ratio_over_a_year(code: str, expected: float) -> None:
    months = [month(0, 2, 1), month(1, 3, 1)]
    assert metric(code, months).over(months) == (expected, "measured")


def test_a_null_keeps_its_reason() -> None:
    months = [month(0, None, None, status="source_missing")] * 2
    assert metric("cac", months).over(months) == (None, "source_missing")
    months.append(month(2, 1, 0))
    assert metric("cac", months).over(months) == (None, "no_data")
    assert metric("cac", []).over([]) == (None, "no_data")


def test_windows_are_complete_months_on_either_side_of_the_go_live() -> None:
    months = [month(n, 1, 1) for n in range(30)] + [month(30, 1, 1, is_complete=False)]
    found = windows(months, date(2026, 2, 10))
    assert [found.before[0].start, found.before[-1].start] == [date(2025, 2, 1), date(2026, 1, 1)]
    # February is neither before nor after
    assert [found.after[0].start, found.after[-1].start] == [date(2026, 7, 1), date(2027, 6, 1)]
    assert found.last.start == date(2027, 6, 1)


def test_after_never_reaches_back_before_the_go_live() -> None:
    months = [month(n, 1, 1) for n in range(15)]
    found = windows(months, date(2026, 1, 1))
    assert (len(found.before), len(found.after)) == (12, 3)


def test_a_go_live_outside_the_data_leaves_one_window() -> None:
    months = [month(n, 1, 1) for n in range(15)]
    found = windows(months, date(2030, 1, 1))
    assert (found.has_go_live, found.before, len(found.after)) == (False, [], 12)
