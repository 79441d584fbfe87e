"""The statistics written in SQL equal those of numpy, scipy and statsmodels."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np
import pytest
from scipy.stats import binom, linregress, t
from statsmodels.regression.linear_model import WLS

from effect_models import AFTER, BEFORE, Effects, Row, month, months_of, periods

SAME = pytest.approx
ALL = range(0, 34)
Series = dict[int, tuple[float, float]]

# one metric of each unit, so that percentages are scaled and the others are not
CODES = {"conversion": 100, "sales_cycle": 1, "average_deal_size": 1}


def close(value: float, scale: float = 0.0) -> object:
    return SAME(value, rel=1e-9, abs=1e-9 * max(1.0, abs(scale)))


def given(rows: list[Row], **inputs: list[Row]) -> dict[str, list[Row]]:
    return {
        "int_effect_months": rows,
        "int_periods": periods(ALL[0], ALL[-1]),
        "int_run_settings": [{"as_of_at": datetime(2026, 11, 1), "base_currency": "RUB"}],
        "int_data_span": [{"first_month": month(0), "last_date": month(34)}],
    } | inputs


def scored(effects: Effects, rows: list[Row], **inputs: list[Row]) -> dict[str, Row]:
    found = effects.rows("crm_scorecard", given(rows, **inputs))
    return {row["metric_code"]: row for row in found}


# -- the estimator, written a second time


@dataclass
class Window:
    y: np.ndarray
    x: np.ndarray
    at: np.ndarray

    @classmethod
    def of(cls, series: Series, months: range) -> Window:
        known = [number for number in months if number in series]
        y, x = (np.array([series[number][place] for number in known]) for place in (0, 1))
        return cls(y, x, np.array(known, dtype=float))

    @property
    def ratio(self) -> float:
        return float(self.y.sum() / self.x.sum())

    @property
    def residuals(self) -> np.ndarray:
        return self.y - self.ratio * self.x

    @property
    def variance(self) -> float:
        months = len(self.y)
        return float(months / (months - 1) * (self.residuals**2).sum() / self.x.sum() ** 2)


@dataclass
class Expected:
    change: float
    low: float
    high: float
    detectable: float
    is_strong: bool


def expected_of(series: Series, scale: float) -> Expected:
    """Ratio estimator, autocorrelation and trend, as section 11.4 of the specification words it."""
    before, after = Window.of(series, BEFORE), Window.of(series, AFTER)
    products = squares = 0.0
    for window in (before, after):
        deviations = window.residuals / window.residuals.std(ddof=1)
        neighbours = np.diff(window.at) == 1
        products += float((deviations[1:] * deviations[:-1])[neighbours].sum())
        squares += float((deviations**2).sum())
    r = products / squares
    m = (len(before.y) + len(after.y)) / 2
    r = min(max(r + (1 + 3 * max(r, 0)) / m, 0), 0.9)
    factor = (1 + r) / (1 - r)

    variances = [before.variance, after.variance]
    freedom = sum(variances) ** 2 / sum(
        variance**2 / (len(window.y) - 1)
        for variance, window in zip(variances, (before, after), strict=True)
    )
    freedom = max(freedom / factor, 2)
    error = scale * math.sqrt(sum(variances) * factor)
    change = scale * (after.ratio - before.ratio)
    half = t.ppf(0.975, freedom) * error

    # level and slope before, level and slope after: the change of level at the middle of after
    values = scale * np.concatenate([before.y / before.x, after.y / after.x])
    weights = np.concatenate([before.x, after.x])
    at = np.concatenate([before.at, after.at])
    is_after = np.repeat([0.0, 1.0], [len(before.y), len(after.y)])
    middle = float((after.at * after.x).sum() / after.x.sum())
    design = np.column_stack([np.ones_like(at), at - middle, is_after, is_after * (at - middle)])
    fit = WLS(values, design, weights=weights).fit()
    beyond = fit.bse[2] * math.sqrt(factor) * t.ppf(0.975, max(fit.df_resid / factor, 2))
    is_outside = abs(fit.params[2]) > beyond and fit.params[2] * change > 0
    return Expected(
        change,
        change - half,
        change + half,
        (t.ppf(0.975, freedom) + t.ppf(0.8, freedom)) * error,
        bool(is_outside),
    )


def random_series(rng: random.Random) -> Series:
    """Months that vary a little or much, follow each other or not, and may have gaps."""
    level, spread = 10 ** rng.uniform(-1, 4), 10 ** rng.uniform(-3, 0)
    memory, state = rng.choice([0.0, 0.5, 0.9]), 0.0
    step = rng.choice([0.0, 0.0, 0.5, -0.3]) * rng.uniform(0.5, 2)
    trend = rng.choice([0.0, 0.02])
    series = {}
    for number in ALL:
        state = memory * state + math.sqrt(1 - memory**2) * rng.gauss(0, 1)
        x = float(rng.randint(5, 2000))
        shift = 1 + spread * state + trend * number + (step if number > 16 else 0)
        series[number] = (level * shift * x, x)
    for number in rng.sample(ALL, rng.choice([0, 0, 3])):
        # the same month of the year is missing on both sides, so that all others are compared
        for other in (number, number + 12, number - 12, number + 24, number - 24):
            series.pop(other, None)
    return series


def test_intervals_are_those_of_the_ratio_estimator_with_autocorrelation(effects: Effects) -> None:
    rng = random.Random(1)
    evidence = set()
    for _ in range(40):
        series = {code: random_series(rng) for code in CODES}
        rows = [row for code in CODES for row in months_of(code, series[code])]
        found = scored(effects, rows)
        for code, scale in CODES.items():
            expected, row = expected_of(series[code], scale), found[code]
            size = expected.high - expected.low
            assert row["change"] == close(expected.change, size)
            assert row["change_ci_low"] == close(expected.low, size)
            assert row["change_ci_high"] == close(expected.high, size)
            assert row["smallest_detectable_change"] == close(expected.detectable, size)
            if row["status"] in ("better", "worse"):
                assert row["evidence"] == ("strong" if expected.is_strong else "weak")
                evidence.add(row["evidence"])
            else:
                assert row["evidence"] is None
    assert evidence == {"strong", "weak"}


def test_variances_are_the_robust_ones_of_a_line_through_the_origin(effects: Effects) -> None:
    rng = random.Random(2)
    series = random_series(rng)
    found = effects.rows("int_effect_samples", given(months_of("sales_cycle", series)))
    assert len(found) == 2
    for row in found:
        window = Window.of(series, BEFORE if row["window_name"] == "before" else AFTER)
        fit = WLS(window.y, window.x, weights=1 / window.x).fit(cov_type="HC1")
        assert row["value"] == close(fit.params[0])
        assert row["variance"] == close(fit.bse[0] ** 2)


def test_lines_before_are_those_of_weighted_least_squares(effects: Effects) -> None:
    rng = random.Random(3)
    for _ in range(10):
        series = random_series(rng)
        window = Window.of(series, BEFORE)
        fit = WLS(
            window.y / window.x,
            np.column_stack([np.ones_like(window.at), window.at]),
            weights=window.x,
        ).fit()
        row = scored(effects, months_of("sales_cycle", series))["sales_cycle"]
        assert row["trend_before"] == close(fit.params[1], row["after_value"])


def test_quantiles_of_student_s_t_hold_from_two_degrees_of_freedom_on(effects: Effects) -> None:
    rng = random.Random(4)
    asked = [2.0, 2.0000001, 2.5, 3.0, 9.99, 22.0, 250.0, 500.0, 1999.0, 1e5, 1e9]
    asked += [2 + 10 ** rng.uniform(-4, 6) for _ in range(300)]
    with effects.build(["stg_reference__student_t"], {}) as connection:
        segments = connection.execute(
            f"select * from {effects.relation('stg_reference__student_t')} order by inverse_df"
        ).df()
    for freedom in asked:
        inverse = 1 / freedom
        row = segments[segments.inverse_df <= inverse].iloc[-1]
        width = row.next_inverse_df - row.inverse_df
        s = (inverse - row.inverse_df) / width
        for level in ("975", "800"):
            cubic = (
                row[f"quantile_{level}"] * (1 + 2 * s) * (1 - s) ** 2
                + row[f"next_quantile_{level}"] * (3 - 2 * s) * s**2
                + row[f"slope_{level}"] * width * s * (1 - s) ** 2
                - row[f"next_slope_{level}"] * width * s**2 * (1 - s)
            )
            assert cubic == SAME(t.ppf(int(level) / 1000, freedom), abs=1e-9), freedom


def test_equal_months_have_an_interval_of_no_width(effects: Effects) -> None:
    # a third leaves a rest in every subtraction
    series = {number: (100 / 3 if number < 16 else 40.0, 100.0) for number in ALL}
    row = scored(effects, months_of("conversion", series))["conversion"]
    assert row["change_ci_low"] == row["change"] == row["change_ci_high"]
    assert row["status"] == "better"


def test_what_is_equal_but_for_rounding_is_equal(effects: Effects) -> None:
    series = {number: (number + 1, 7.0 * (number + 1)) for number in ALL}
    row = scored(effects, months_of("churn", series))["churn"]
    assert (row["change_ci_low"], row["change"], row["change_ci_high"]) == (0, 0, 0)
    assert row["status"] == "not_distinguishable"


def test_a_month_with_costs_and_no_client_counts(effects: Effects) -> None:
    series = dict.fromkeys([*BEFORE, *AFTER], (100.0, 10.0)) | {AFTER[0]: (100.0, 0.0)}
    row = scored(effects, months_of("cac", series))["cac"]
    assert (row["before_value"], row["after_months"]) == (10, 12)
    assert row["after_value"] == close(1200 / 110)


def test_windows_without_any_client_have_no_ratio(effects: Effects) -> None:
    rows = months_of("cac", dict.fromkeys([*BEFORE, *AFTER], (100.0, 0.0)))
    row = scored(effects, rows)["cac"]
    assert row["before_value"] is None
    assert (row["status"], row["change_ci_low"]) == ("no_data", None)


# -- how long until it can be told


def test_after_the_months_to_tell_a_fifth_can_be_told(effects: Effects) -> None:
    # months alternate, so that their spread and their lack of correlation stay what they are
    def series(last: int) -> Series:
        return {
            number: (100.0 + (12 if number % 2 else -12), 100.0)
            for number in [*BEFORE, *range(17, last + 1)]
        }

    def young(as_of: date) -> Row:
        settings = [{"as_of_at": datetime.combine(as_of, time()), "base_currency": "RUB"}]
        rows = effects.rows(
            "crm_scorecard",
            given(
                months_of("sales_cycle", series(19)),
                int_periods=periods(4, 19),
                int_run_settings=settings,
            ),
        )
        return next(row for row in rows if row["metric_code"] == "sales_cycle")

    row = young(month(20))
    assert row["status"] == "not_distinguishable"
    assert not row["is_able_to_tell"]
    needed = row["months_to_tell"]
    assert needed > 1
    # one month of ramp-up is among them, and deals have 180 days to be won
    assert row["can_tell_from"] == date.fromordinal(month(16 + needed).toordinal() + 180)
    assert row["months_to_compare"] == needed - 1
    # where the months went by and could not be compared, no day is promised that is over
    assert young(row["can_tell_from"])["can_tell_from"] is None

    later = periods(4, 16 + needed - 1)
    rows = months_of("sales_cycle", series(16 + needed - 1))
    grown = effects.rows("crm_scorecard", given(rows, int_periods=later))
    row = next(row for row in grown if row["metric_code"] == "sales_cycle")
    assert row["smallest_detectable_change"] == SAME(0.2, rel=0.15)


def test_a_before_too_uncertain_for_any_after_says_so(effects: Effects) -> None:
    rng = random.Random(5)
    series = {number: (rng.uniform(0, 100), 1.0) for number in ALL}
    row = scored(effects, months_of("sales_cycle", series))["sales_cycle"]
    assert (row["months_to_tell"], row["can_tell_from"]) == (None, None)
    assert "before_too_uncertain" in row["warning"]


def test_nobody_is_told_to_wait_for_more_than_ten_years(effects: Effects) -> None:
    def told(spread: int) -> tuple[int | None, bool]:
        rng = random.Random(5)
        series = {number: (100 + spread * rng.uniform(-1, 1), 1.0) for number in ALL}
        row = scored(effects, months_of("sales_cycle", series))["sales_cycle"]
        assert row["status"] == "not_distinguishable"
        return row["months_to_tell"], "before_too_uncertain" in (row["warning"] or "")

    waits = [told(spread) for spread in range(34, 42)]
    assert 24 < max(wait for wait, _ in waits if wait) <= 121
    # what would take longer is said to be too uncertain
    assert waits[-1] == (None, True)


# -- money


def money_months(rng: random.Random, scale: float, first: int = 4) -> list[Row]:
    return [
        {
            "period_start": month(number),
            "price_factor": 1.0,
            "leads": float(rng.randint(1, 500)),
            "closed_deals": float(rng.randint(1, 90)),
            "revenue": scale * rng.uniform(0, 100),
            "marketing_cost": scale * rng.uniform(0, 2),
            "salary_cost": scale * rng.uniform(0, 3),
            "other_cost": scale * rng.uniform(0, 1),
            "crm_cost": scale * rng.uniform(0, 1) if number >= 16 else 0.0,
        }
        for number in range(first, 34)
    ]


def net_months(months: list[Row]) -> list[Row]:
    net = {
        (each["period_start"].year - 2024) * 12 + each["period_start"].month - 1: (
            each["revenue"] - each["marketing_cost"] - each["salary_cost"] - each["other_cost"],
            1.0,
        )
        for each in months
    }
    return months_of("net_effect", net)


def crm_cost(amount: float, first: date, last: date) -> Row:
    return {"cost_type": "crm", "amount": amount, "date_from": first, "date_to": last}


ROUBLES = {
    "currency": "RUB",
    "rate": 1.0,
    "valid_from": date(1, 1, 1),
    "valid_before": date(9999, 12, 31),
}


def roi_of(effects: Effects, months: list[Row], costs: list[Row]) -> list[Row]:
    return effects.rows(
        "crm_roi",
        given(
            net_months(months),
            int_effect_money_months=months,
            int_exchange_rates=[ROUBLES],
            stg_reference__costs=costs,
            # level prices: without an index the interval holds a rise of prices as well
            stg_reference__price_index=[{"month_start": month(0), "price_index": 1.0}],
        ),
    )


def test_the_parts_of_the_money_add_up(effects: Effects) -> None:
    rng = random.Random(6)
    for _ in range(20):
        scale = 10 ** rng.uniform(0, 7)
        months = money_months(rng, scale)
        # ten days of it lie before the first month of the data
        before_the_data = crm_cost(30 * scale, date(2023, 12, 22), date(2024, 1, 20))
        (row,) = roi_of(effects, months, [before_the_data])
        means = {
            name: {
                column: np.mean(
                    [
                        each[column]
                        for each in months
                        if each["period_start"] in {month(number) for number in numbers}
                    ]
                )
                for column in ("revenue", "marketing_cost", "salary_cost", "other_cost")
            }
            for name, numbers in (("before", BEFORE), ("after", AFTER))
        }
        change = {key: means["after"][key] - means["before"][key] for key in means["after"]}
        parts = row["volume_effect"] + row["conversion_effect"] + row["deal_size_effect"]
        assert row["revenue_change"] == close(change["revenue"], 100 * scale)
        assert parts == close(change["revenue"], 100 * scale)
        assert row["marketing_cost_change"] == close(change["marketing_cost"], 100 * scale)

        since = [each for each in months if each["period_start"] >= month(16)]
        # all costs of the CRM from their first day on: the ten days, and the months
        paid = 10 * scale + sum(each["crm_cost"] for each in months)
        added = sum(change[key] for key in change if key != "revenue")
        assert row["crm_cost_total"] == close(paid, 100 * scale)
        assert row["net_effect"] == close(
            change["revenue"] - added - paid / len(since), 100 * scale
        )
        gained = sum(
            each["revenue"]
            - means["before"]["revenue"]
            - sum(each[key] - means["before"][key] for key in change if key != "revenue")
            for each in since
        )
        assert row["net_effect_total"] == close(gained - paid, 1000 * scale)
        assert row["net_effect_ci_low"] < row["net_effect"] < row["net_effect_ci_high"]


@pytest.mark.parametrize("seed", [1, 4, 5])
def test_the_interval_of_money_is_that_of_its_months_and_of_the_trend_of_leads(
    effects: Effects, seed: int
) -> None:
    months = money_months(random.Random(seed), 1000, first=0)
    (row,) = roi_of(effects, months, [crm_cost(1.0, month(16), month(16))])
    series = {place: (each["numerator"], 1.0) for place, each in enumerate(net_months(months))}
    expected = expected_of(series, 1)
    before = [months[number] for number in BEFORE]
    # all months before go-live but the first, which is hardly a whole one
    all_before = range(1, 16)
    line = linregress(all_before, [months[number]["leads"] for number in all_before])
    rise = 0.0
    margin = t.ppf(0.8, len(all_before) - 2) * line.stderr
    if abs(line.slope) > margin:
        leads, revenue = (sum(each[name] for each in before) for name in ("leads", "revenue"))
        # a lead brings as much as before; margin is all of it
        slope = line.slope + np.sign(line.slope) * margin
        rise = slope * (np.mean(AFTER) - np.mean(BEFORE)) * revenue / leads
    assert (row["warning"] == "leads_on_their_way") == (rise != 0)
    assert row["net_effect_ci_high"] - row["net_effect"] == close(
        expected.high - expected.change - min(rise, 0)
    )
    assert row["net_effect"] - row["net_effect_ci_low"] == close(
        expected.change - expected.low + max(rise, 0)
    )


# -- the verdict


def verdict(
    effects: Effects,
    statuses: dict[str, str],
    net_effect: tuple[float, float] | None = None,
    able: int = 9,
) -> Row:
    rows = [
        {
            "metric_code": family,
            "family": family,
            "status": status,
            "has_vote": status not in ("no_data", "not_comparable"),
            "is_preliminary": False,
            "final_from": None,
            "is_able_to_tell": place < able,
            "can_tell_from": month(40 + place),
            "months_to_compare": 20 + place,
            "change_ci_low": None if status == "no_data" else 1.0,
            "warning": "too_early" if status == "no_data" else None,
        }
        for place, (family, status) in enumerate(statuses.items())
    ]
    inputs = given([], crm_scorecard=rows, crm_roi=[])
    if net_effect is not None:
        low, high = net_effect
        inputs["crm_roi"] = [
            {"net_effect": 1.0, "net_effect_ci_low": low, "net_effect_ci_high": high}
        ]
    (row,) = effects.rows("crm_verdict", inputs)
    return row


def statuses(better: int, worse: int, level: int) -> dict[str, str]:
    kinds = ["better"] * better + ["worse"] * worse + ["not_distinguishable"] * level
    return {f"f{number}": kind for number, kind in enumerate(kinds)}


@pytest.mark.parametrize("better", range(9))
def test_the_chance_is_that_of_so_many_families_better_where_nothing_changed(
    effects: Effects, better: int
) -> None:
    for worse in (0, 8 - better):
        row = verdict(effects, statuses(better, worse, 8 - better - worse))
        assert (row["families_better"], row["families_worse"]) == (better, worse)
        assert row["chance_under_no_effect"] == close(binom.sf(better - 1, 8, 0.025))
        assert row["lines_expected_wrong"] == close(8 * 0.05)


@pytest.mark.parametrize(
    ("better", "worse", "level", "expected"),
    [
        (4, 0, 4, "pays_off"),
        (4, 3, 1, "pays_off"),
        (4, 4, 0, "no_effect"),
        (3, 0, 5, "no_effect"),
        (0, 4, 4, "eats_the_budget"),
        (3, 4, 1, "eats_the_budget"),
        (0, 3, 5, "no_effect"),
        (3, 0, 0, "not_enough_data"),
    ],
)
def test_families_decide_by_half_of_those_comparable(
    effects: Effects, better: int, worse: int, level: int, expected: str
) -> None:
    assert verdict(effects, statuses(better, worse, level))["verdict"] == expected


def test_money_lost_for_sure_eats_the_budget_however_many_families_are_better(
    effects: Effects,
) -> None:
    better = statuses(8, 0, 0)
    assert verdict(effects, better, (-9.0, -1.0))["verdict"] == "eats_the_budget"
    assert verdict(effects, better, (-9.0, -1.0))["reason"] == "money"
    assert verdict(effects, better, (-9.0, 1.0))["verdict"] == "pays_off"


def test_level_families_that_could_not_have_shown_a_change_say_nothing_yet(
    effects: Effects,
) -> None:
    level = statuses(1, 0, 7)
    # one better family comes first, so so many of the level ones are able
    for able, expected in ((4, "cannot_tell_yet"), (5, "no_effect")):
        row = verdict(effects, level, able=able)
        assert (row["families_able_to_tell"], row["verdict"]) == (able - 1, expected)
    row = verdict(effects, level, able=3)
    # two of seven are able: with the two that are next, in months 43 and 44, half of them are
    assert (row["can_tell_from"], row["months_to_compare"]) == (month(44), 24)


def test_a_family_has_one_vote(effects: Effects) -> None:
    rows = [
        {
            "metric_code": code,
            "family": family,
            "status": status,
            "has_vote": status != "no_data",
            "is_preliminary": False,
            "final_from": None,
            "is_able_to_tell": True,
            "warning": "source_missing" if status == "no_data" else None,
        }
        for code, family, status in (
            ("retention", "loyalty", "better"),
            ("churn", "loyalty", "better"),
            ("ltv", "loyalty", "worse"),
            ("conversion", "acquisition", "worse"),
            ("cac", "cost", "no_data"),
            ("sales_cycle", "speed", "explained_by_trend"),
            ("response_time", "service", "not_distinguishable"),
        )
    ]
    (row,) = effects.rows("crm_verdict", given([], crm_scorecard=rows, crm_roi=[]))
    counts = ("with_data", "better", "worse", "level", "no_data")
    assert [row[f"families_{name}"] for name in counts] == [4, 1, 1, 2, 1]
    assert row["families_missing"] == "cost (source_missing)"
    assert row["verdict"] == "no_effect"
