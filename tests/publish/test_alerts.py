"""Which figure calls for an alert: a threshold, or the usual range of its own months."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from scipy import stats

from bitrix24_effectiveness.alerts import FEWEST_MONTHS, MOST_MONTHS, QUANTILES, judged, usual_range

ALERT = {
    "alert_id": "a",
    "metric_code": "conversion",
    "segment_type": "all",
    "segment_id": "all",
    "threshold": None,
}


def months_of(*values: float, denominator: float | None = None) -> list[dict[str, Any]]:
    return [
        {
            "period_start": date(2025 + number // 12, number % 12 + 1, 1),
            "segment_name": None,
            "value": value,
            "denominator": denominator,
        }
        for number, value in enumerate(values)
    ]


def test_the_range_of_a_sum_is_the_prediction_interval_of_the_textbook() -> None:
    values = [10.0, 12.0, 11.0, 9.0, 13.0, 11.0]
    # mean 11, standard deviation sqrt(2): 11 -+ 4.0321 x sqrt(2) x sqrt(1 + 1/6)
    assert usual_range(months_of(*values), None) == pytest.approx((4.8409, 17.1591), abs=1e-4)


def test_a_month_with_more_cases_has_a_narrower_range() -> None:
    months = months_of(10, 12, 11, 9, 13, 11, denominator=100)
    widths = []
    for denominator in (10.0, 1000.0):
        bounds = usual_range(months, denominator)
        assert bounds is not None
        assert sum(bounds) / 2 == pytest.approx(11)
        widths.append(bounds[1] - bounds[0])
    # sqrt((1/10 + 1/600) / (1/1000 + 1/600))
    assert widths[0] / widths[1] == pytest.approx(6.1746, abs=1e-3)


def test_quantiles_are_those_of_students_t() -> None:
    for freedom, quantile in QUANTILES.items():
        assert quantile == pytest.approx(stats.t.ppf(0.995, freedom), abs=1e-4)
    assert list(QUANTILES) == list(range(FEWEST_MONTHS - 1, MOST_MONTHS))


def test_of_months_that_are_alike_but_for_chance_one_of_a_hundred_is_told() -> None:
    dice, told, tries = random.Random(7), 0, 4000
    for _ in range(tries):
        months = []
        for _ in range(dice.choice([7, 10, 13])):
            cases = dice.randint(150, 600)
            won = sum(dice.random() < 0.2 for _ in range(cases))
            months.append({**months_of(100 * won / cases)[0], "denominator": cases})
        told += judged(ALERT | {"direction": "either"}, months) is not None
    # 40 are expected; three standard deviations
    assert told == pytest.approx(40, abs=19)


@pytest.mark.parametrize(
    ("direction", "threshold", "newest", "is_told"),
    [
        ("above", None, 18, True),
        ("above", None, 17, False),
        ("above", None, 1, False),
        ("below", None, 4, True),
        ("below", None, 18, False),
        ("either", None, 4, True),
        ("either", None, 18, True),
        ("either", None, 11, False),
        ("above", 10, 10.5, True),
        ("above", 10, 10, False),
        ("below", 10, 9.5, True),
        ("below", 10, 10, False),
    ],
)
def test_the_newest_month_is_judged_in_the_direction_that_is_asked_for(
    direction: str, threshold: float | None, newest: float, is_told: bool
) -> None:
    months = months_of(10, 12, 11, 9, 13, 11, newest)
    found = judged(ALERT | {"direction": direction, "threshold": threshold}, months)
    assert (found is not None) == is_told
    if found:
        assert (found.period_start, found.value) == (date(2025, 7, 1), newest)
        assert found.months == (6 if threshold is None else None)


def test_too_few_months_have_no_usual_range_and_a_threshold_needs_none() -> None:
    months = months_of(10, 12, 11, 9, 13, 1000)
    assert judged(ALERT | {"direction": "either"}, months) is None
    assert judged(ALERT | {"direction": "above", "threshold": 999}, months) is not None
    assert judged(ALERT | {"direction": "above", "threshold": 999}, []) is None


def test_what_never_changed_and_has_not_now_is_not_told() -> None:
    assert judged(ALERT | {"direction": "either"}, months_of(*[0.1 + 0.2] * 6, 0.3)) is None
