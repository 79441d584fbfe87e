"""The statistics written in SQL equal those of scipy and statsmodels."""

from __future__ import annotations

import math
import random
import statistics
from datetime import datetime, timedelta
from itertools import product

import pytest
from scipy.stats import binom, binomtest, linregress, t, ttest_ind_from_stats
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.proportion import confint_proportions_2indep

from effect_models import AFTER, BEFORE, Effects, Row, comparison_months, days, month

SAME = pytest.approx


def close(value: float) -> object:
    return SAME(value, rel=1e-6, abs=1e-6)


def sample(code: str, window: str, size: float, **other: float | None) -> Row:
    return {
        "metric_code": code,
        "window_name": window,
        "months": 12,
        "sample_size": size,
        **other,
    }


def catalog(codes: list[str]) -> list[Row]:
    return [
        {"metric_code": code, "unit": "percent", "better_when": "higher", "family": "service"}
        for code in codes
    ]


def scorecard(effects: Effects, samples: list[Row], **inputs: list[Row]) -> dict[str, Row]:
    given = {
        "int_effect_samples": samples,
        "int_effect_trends": [],
        "int_effect_medians": [],
        "int_comparison_months": comparison_months(),
        "stg_reference__metric_catalog": catalog(sorted({row["metric_code"] for row in samples})),
    }
    return {row["metric_code"]: row for row in effects.rows("crm_scorecard", given | inputs)}


# -- differences of rates


def shares() -> list[tuple[int, int, int, int]]:
    """Successes and sample size of two windows: random ones, and all the corners."""
    rng = random.Random(1)
    corners = [
        (first, first_size, second, second_size)
        for first_size, second_size in product((1, 2, 5, 400), repeat=2)
        for first, second in product((0, first_size), (0, second_size))
    ]
    huge = [(7 * 10**8, 10**10, 7 * 10**8 + 10**5, 10**10), (0, 10**12, 1, 10**12)]
    drawn = []
    for _ in range(400):
        sizes = [int(10 ** rng.uniform(0, 6)) for _ in range(2)]
        drawn.append((rng.randint(0, sizes[0]), sizes[0], rng.randint(0, sizes[1]), sizes[1]))
    return corners + huge + drawn


def test_differences_of_rates_are_newcombe_s(effects: Effects) -> None:
    cases = {f"r{number:03}": case for number, case in enumerate(shares())}
    samples = []
    for code, (before, before_size, after, after_size) in cases.items():
        samples.append(sample(code, "before", before_size, successes=before))
        samples.append(sample(code, "after", after_size, successes=after))
    found = scorecard(effects, samples)
    assert len(found) == len(cases) > 450
    for code, (before, before_size, after, after_size) in cases.items():
        low, high = confint_proportions_2indep(
            after, after_size, before, before_size, method="newcomb", compare="diff"
        )
        row = found[code]
        assert row["change_ci_low"] == close(100 * low), cases[code]
        assert row["change_ci_high"] == close(100 * high), cases[code]
        assert row["change"] == close(100 * (after / after_size - before / before_size))


def test_more_closed_deals_than_leads_are_no_share_and_get_no_interval(effects: Effects) -> None:
    row = scorecard(
        effects,
        [
            sample("conversion", "before", 100, successes=20),
            sample("conversion", "after", 100, successes=130),
        ],
    )["conversion"]
    assert (row["before_value"], row["after_value"]) == (20, 130)
    assert (row["change_ci_low"], row["change_ci_high"]) == (None, None)
    assert (row["status"], row["warning"]) == ("not_distinguishable", "no_interval")


# -- differences of means


def means() -> list[tuple[float, float, int, float, float, int]]:
    """Mean, standard deviation and size of two windows."""
    rng = random.Random(2)
    cases = [
        (10.0, 1.0, 2, 12.0, 3.0, 2),
        (10.0, 1.0, 2, 12.0, 0.0, 2),
        (10.0, 0.0, 3, 12.0, 2.0, 10**9),
        (5.0, 1e-9, 12, 5.0, 1e9, 3),
        (0.0, 1.0, 10**12, 1.0, 1.0, 10**12),
    ]
    for _ in range(400):
        case = []
        for _ in range(2):
            size = rng.choice([2, 3, 5, 12, int(10 ** rng.uniform(0.5, 6))])
            case += [rng.uniform(-100, 100), 10 ** rng.uniform(-3, 3), max(size, 2)]
        cases.append(tuple(case))
    return cases


def test_differences_of_means_are_welch_s(effects: Effects) -> None:
    cases = {f"m{number:03}": case for number, case in enumerate(means())}
    samples = []
    for code, case in cases.items():
        for window, (mean, deviation, size) in (("before", case[:3]), ("after", case[3:])):
            samples.append(
                sample(code, window, size, sample_mean=mean, sample_variance=deviation**2)
            )
    found = scorecard(effects, samples)
    for code, (mean, deviation, size, mean_after, deviation_after, size_after) in cases.items():
        interval = ttest_ind_from_stats(
            mean_after, deviation_after, size_after, mean, deviation, size, equal_var=False
        )
        squares = [deviation**2 / size, deviation_after**2 / size_after]
        freedom = sum(squares) ** 2 / (
            squares[0] ** 2 / (size - 1) + squares[1] ** 2 / (size_after - 1)
        )
        half = t.ppf(0.975, freedom) * math.sqrt(sum(squares))
        row = found[code]
        # the ends may be near zero however wide the interval is
        within = 1e-6 * max(1, half)
        change = mean_after - mean
        assert row["change_ci_low"] == SAME(change - half, abs=within), (code, cases[code])
        assert row["change_ci_high"] == SAME(change + half, abs=within), (code, cases[code])
        # scipy agrees on whether the interval leaves out zero, wherever it is not a matter of
        # the last digit
        if abs(interval.pvalue - 0.05) > 1e-6:
            assert (interval.pvalue < 0.05) == (
                row["change_ci_low"] > 0 or row["change_ci_high"] < 0
            ), cases[code]


def test_equal_values_have_an_interval_of_no_width(effects: Effects) -> None:
    constant = {"sample_variance": 0.0}
    row = scorecard(
        effects,
        [
            sample("m", "before", 12, sample_mean=4.0, **constant),
            sample("m", "after", 12, sample_mean=5.0, **constant),
        ],
    )["m"]
    assert (row["change_ci_low"], row["change"], row["change_ci_high"]) == (1, 1, 1)
    assert row["status"] == "better"


def test_one_value_in_a_window_has_no_interval_and_no_status(effects: Effects) -> None:
    row = scorecard(
        effects,
        [
            sample("m", "before", 1, sample_mean=4.0, sample_variance=None),
            sample("m", "after", 12, sample_mean=5.0, sample_variance=1.0),
        ],
    )["m"]
    assert (row["change_ci_low"], row["change_ci_high"]) == (None, None)
    assert row["status"] == "no_data"


def test_quantiles_of_student_s_t_hold_for_any_degrees_of_freedom(effects: Effects) -> None:
    rng = random.Random(3)
    asked = [1.0, 1.0004, 1.5, 2.0, 3.0, 9.99, 22.0, 1999.0, 2000.5, 1e5, 1e9]
    asked += [1 + 10 ** rng.uniform(-4, 6) for _ in range(500)]
    trends = [
        {
            "metric_code": f"m{number}",
            "slope": 1.0,
            "slope_standard_error": 1.0,
            "degrees_of_freedom": freedom,
            "months_between": 18.0,
        }
        for number, freedom in enumerate(asked)
    ]
    found = {
        row["metric_code"]: row["quantile_975"]
        for row in effects.rows(
            "int_effect_t_quantiles", {"int_effect_samples": [], "int_effect_trends": trends}
        )
    }
    assert len(found) == len(asked)
    for number, freedom in enumerate(asked):
        assert found[f"m{number}"] == close(t.ppf(0.975, freedom)), freedom


# -- the trend before


def test_trends_are_those_of_least_squares(effects: Effects) -> None:
    rng = random.Random(4)
    values: dict[str, dict[int, float]] = {}
    for number in range(300):
        months = rng.sample(BEFORE, rng.randint(4, 12))
        level, slope, noise = rng.uniform(-50, 50), rng.uniform(-5, 5), 10 ** rng.uniform(-3, 3)
        values[f"t{number:03}"] = {
            known: level + slope * known + rng.gauss(0, noise) for known in months
        }
    values["line"] = {known: 3.0 * known for known in BEFORE}
    rows = [
        {"metric_code": code, "period_start": month(known), "value": value}
        for code, series in values.items()
        for known, value in [*series.items(), *dict.fromkeys(AFTER, 1.0).items()]
    ]
    samples = [
        sample(code, window, 12, sample_mean=1.0, sample_variance=1.0)
        for code in values
        for window in ("before", "after")
    ]
    given = {
        "int_effect_monthly_values": rows,
        "int_comparison_months": comparison_months(),
    }
    trends = effects.rows("int_effect_trends", given)
    found = scorecard(effects, samples, int_effect_trends=trends)
    for code, series in values.items():
        fit = linregress(list(series), list(series.values()))
        half = t.ppf(0.975, len(series) - 2) * fit.stderr
        row = found[code]
        assert row["trend_before"] == close(fit.slope), code
        assert row["trend_before_ci_low"] == close(fit.slope - half), code
        assert row["trend_before_ci_high"] == close(fit.slope + half), code
        distance = statistics.mean(AFTER) - statistics.mean(series)
        assert row["change_expected_by_trend"] == close(fit.slope * distance), code


def test_three_months_are_no_trend(effects: Effects) -> None:
    rows = [
        {"metric_code": "m", "period_start": month(known), "value": float(known)}
        for known in [*list(BEFORE)[:3], *AFTER]
    ]
    assert not effects.rows(
        "int_effect_trends",
        {"int_effect_monthly_values": rows, "int_comparison_months": comparison_months()},
    )


# -- medians


def lower_rank(size: int) -> int:
    return math.floor((size - t.ppf(0.975, math.inf) * math.sqrt(size)) / 2)


def test_the_ranks_around_a_median_cover_it_at_least_95_times_in_100() -> None:
    for size in [*range(6, 2000), 10**4, 10**5, 10**6]:
        rank = lower_rank(size)
        if rank >= 1:
            assert 1 - 2 * binom.cdf(rank - 1, size, 0.5) >= 0.95, size
    assert next(size for size in range(1, 50) if lower_rank(size) >= 1) == 8


def test_medians_and_their_ranks(effects: Effects) -> None:
    rng = random.Random(5)
    sizes = [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 50, 51]
    sizes += [rng.randint(1, 400) for _ in range(40)]
    start = datetime(2024, 1, 1, 12)
    for number, size in enumerate(sizes):
        minutes, cycles = {}, {}
        requests, deals = [], []
        for window, months in (("before", BEFORE), ("after", AFTER)):
            # ties in every third sample
            spread = 3 if number % 3 == 0 else 43_199
            minutes[window] = [rng.randint(1, spread) for _ in range(size)]
            cycles[window] = [rng.randint(0, spread) for _ in range(size)]
            for duration, cycle in zip(minutes[window], cycles[window], strict=True):
                day = month(rng.choice(months))
                requests.append(
                    {
                        "requested_date": day,
                        "responded_at": start,
                        "response_microseconds": duration * 60_000_000,
                    }
                )
                deals.append(
                    {
                        "state": "won",
                        "won_date": day,
                        "first_contact_at": start,
                        "won_at": start + timedelta(days=cycle),
                    }
                )
        requests.append({"requested_date": month(5)})
        deals.append({"state": "lost"})
        found = {
            (row["metric_code"], row["window_name"]): row
            for row in effects.rows(
                "int_effect_medians",
                {
                    "fct_requests": requests,
                    "fct_deals": deals,
                    "int_period_days": days(0, 36),
                    "int_comparison_months": comparison_months(),
                },
            )
        }
        assert len(found) == 4
        for code, durations in (("response_time", minutes), ("sales_cycle", cycles)):
            for window, values in durations.items():
                row = found[code, window]
                assert row["median"] == close(statistics.median(values))
                rank, values = lower_rank(size), sorted(values)
                expected = (values[rank - 1], values[size - rank]) if rank >= 1 else (None, None)
                assert (row["median_ci_low"], row["median_ci_high"]) == expected, (code, size)


# -- money


def test_the_parts_of_the_revenue_add_up(effects: Effects) -> None:
    rng = random.Random(6)
    for _ in range(40):
        scale = 10 ** rng.uniform(0, 7)
        months = [
            {
                "period_start": month(number),
                "leads": float(rng.randint(1, 500)),
                "closed_deals": float(rng.randint(1, 90)),
                "revenue": scale * rng.uniform(0, 100),
                "crm_cost": scale * rng.uniform(0, 1),
            }
            for number in range(4, 34)
        ]
        (row,) = effects.rows(
            "crm_roi",
            {
                "int_effect_revenue_months": months,
                "int_comparison_months": comparison_months(),
            },
        )
        windows = {
            name: [each for each in months if each["period_start"] in {month(n) for n in numbers}]
            for name, numbers in (("before", BEFORE), ("after", AFTER))
        }
        for name, rows in windows.items():
            assert row[f"revenue_{name}"] == close(statistics.mean(m["revenue"] for m in rows))
            assert row[f"crm_cost_{name}"] == close(statistics.mean(m["crm_cost"] for m in rows))
        change = row["revenue_after"] - row["revenue_before"]
        parts = row["volume_effect"] + row["conversion_effect"] + row["deal_size_effect"]
        assert row["revenue_change"] == close(change)
        assert parts == SAME(change, rel=1e-9, abs=1e-9 * scale)
        assert row["net_effect"] == close(row["margin_change"] - row["crm_cost_change"])

        gained, first_in_the_black = 0.0, None
        for each in months:
            if each["period_start"] < month(16):
                continue
            gained += each["revenue"] - row["revenue_before"]
            gained -= each["crm_cost"] - row["crm_cost_before"]
            if gained < 0:
                first_in_the_black = None
            elif first_in_the_black is None:
                first_in_the_black = each["period_start"]
        assert row["payback_month"] == first_in_the_black


# -- the verdict


def verdict(effects: Effects, statuses: dict[str, str]) -> Row:
    rows = [
        {"metric_code": family, "family": family, "status": status}
        for family, status in statuses.items()
    ]
    given = {
        "crm_scorecard": rows,
        "int_run_settings": [{"as_of_at": datetime(2026, 11, 1)}],
        "int_comparison_months": comparison_months(),
    }
    (row,) = effects.rows("crm_verdict", given)
    return row


@pytest.mark.parametrize("better", range(9))
def test_the_chance_of_the_verdict_is_that_of_fair_coins(effects: Effects, better: int) -> None:
    for worse in range(9 - better):
        statuses = ["better"] * better + ["worse"] * worse
        statuses += ["not_distinguishable"] * (8 - better - worse)
        row = verdict(effects, {f"f{number}": status for number, status in enumerate(statuses)})
        assert (row["families_better"], row["families_worse"]) == (better, worse)
        if better + worse == 0:
            assert row["chance_of_verdict_by_luck"] is None
        else:
            coins = binomtest(better, better + worse, 0.5, alternative="greater")
            assert row["chance_of_verdict_by_luck"] == close(coins.pvalue)
        pays_off = better > worse and 2 * better >= 8
        assert row["verdict"] == ("pays_off" if pays_off else "no_effect_yet")


def test_a_family_has_one_vote(effects: Effects) -> None:
    rows = [
        {"metric_code": code, "family": family, "status": status}
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
    (row,) = effects.rows(
        "crm_verdict",
        {
            "crm_scorecard": rows,
            "int_run_settings": [{"as_of_at": datetime(2026, 11, 1)}],
            "int_comparison_months": comparison_months(),
        },
    )
    counts = ("with_data", "better", "worse", "level", "no_data")
    assert [row[f"families_{name}"] for name in counts] == [4, 1, 1, 2, 1]
    assert row["verdict"] == "no_effect_yet"


# -- ratios of monthly sums


RATIOS = ("cac", "ltv", "lost_sales")


def ratio_months(code: str, series: dict[int, tuple[float, float]]) -> list[Row]:
    return [
        {
            "metric_code": code,
            "period_start": month(number),
            "value": numerator / denominator if denominator else None,
            "numerator": numerator,
            "denominator": denominator,
        }
        for number, (numerator, denominator) in series.items()
    ]


def scored_ratios(effects: Effects, rows: list[Row]) -> dict[str, Row]:
    found = effects.rows(
        "crm_scorecard",
        {
            "int_effect_monthly_values": rows,
            "int_comparison_months": comparison_months(),
            "int_period_days": days(0, 36),
        },
    )
    return {row["metric_code"]: row for row in found}


def test_ratios_of_sums_have_the_robust_error_of_a_weighted_regression(effects: Effects) -> None:
    rng = random.Random(7)
    for _ in range(15):
        series = {
            code: {
                number: (rng.uniform(0, 10**6), rng.randint(1, 60)) for number in [*BEFORE, *AFTER]
            }
            for code in RATIOS
        }
        rows = [row for code in RATIOS for row in ratio_months(code, series[code])]
        found = scored_ratios(effects, rows)
        for code in RATIOS:
            # a ratio of sums is the line through the origin with weights 1 / x
            fits = []
            for months in (BEFORE, AFTER):
                y, x = zip(*(series[code][number] for number in months), strict=True)
                fit = WLS(y, x, weights=[1 / each for each in x]).fit(cov_type="HC1")
                assert fit.params[0] == SAME(sum(y) / sum(x))
                fits.append((fit.params[0], fit.bse[0] ** 2, len(months)))
            (before, square, size), (after, square_after, size_after) = fits
            freedom = (square + square_after) ** 2 / (
                square**2 / (size - 1) + square_after**2 / (size_after - 1)
            )
            half = t.ppf(0.975, freedom) * math.sqrt(square + square_after)
            row = found[code]
            assert (row["before_value"], row["after_value"]) == (SAME(before), SAME(after))
            assert row["change_ci_low"] == SAME(after - before - half, rel=1e-6, abs=1e-6 * half)
            assert row["change_ci_high"] == SAME(after - before + half, rel=1e-6, abs=1e-6 * half)


def test_a_month_with_costs_and_no_client_counts(effects: Effects) -> None:
    series = dict.fromkeys([*BEFORE, *AFTER], (100.0, 10.0))
    series[AFTER[0]] = (100.0, 0.0)
    row = scored_ratios(effects, ratio_months("cac", series))["cac"]
    assert (row["before_value"], row["before_n"], row["after_n"]) == (10, 12, 12)
    assert row["after_value"] == SAME(1200 / 110)


def test_windows_without_any_client_have_no_ratio(effects: Effects) -> None:
    rows = ratio_months("cac", dict.fromkeys([*BEFORE, *AFTER], (100.0, 0.0)))
    row = scored_ratios(effects, rows)["cac"]
    assert row["before_value"] is None
    assert row["status"] == "no_data"
    assert row["change_ci_low"] is None
