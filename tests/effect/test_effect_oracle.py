"""The oracle of before and after: each formula by hand, and how often it is wrong."""

import csv
import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t

from interval_alone import cell
from oracle import compute, compute_effect
from oracle.effect import FAMILIES, Comparison, Effect
from oracle.estimate import (
    Difference,
    Sample,
    Window,
    beyond_trend,
    chance_of_at_least,
    corrected_autocorrelation,
    difference,
    inflation,
    is_explained_by_trend,
    is_strong,
    months_to_tell,
)
from portals import seeded_case

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
IN_UTC = {"reporting_timezone": "UTC", "portal_timezone": "UTC"}
STATUS = [{"id": "1", "entity_id": "DEAL_STAGE", "status_id": "NEW", "sort": "10"}]
GO_LIVE = {"crm_go_live_date": "2024-07-01", "as_of": "2025-03-01T00:00:00Z"}
QUANTILE_OF_2 = 4.302652729911275


def window(y, x=None, first=1):
    months = tuple(range(first, first + len(y)))
    return Window(months, tuple(map(float, y)), tuple(map(float, x or [1] * len(y))))


# -- the estimator (11.4)


def test_variance_of_a_ratio_by_hand():
    # R = 6/30; residuals -1, 0, 1; 3/2 x 2 / 900
    found = window([1, 2, 3], [10, 10, 10])
    assert found.ratio == pytest.approx(0.2)
    assert found.variance == pytest.approx(1 / 300)
    # R = 3/15; residuals 1 - 1, 2 - 2
    assert window([1, 2], [5, 10]).variance == pytest.approx(0)
    assert window([1], [5]).variance is None
    assert window([0, 0], [0, 0]).ratio is None


def test_autocorrelation_of_residuals_by_hand():
    # residuals -1, 0, 1: no product of neighbours, so only the correction is left: 1/3
    assert corrected_autocorrelation([window([1, 2, 3])]) == pytest.approx(1 / 3)
    assert inflation([window([1, 2, 3])]) == pytest.approx(2)
    # -1, -1, 1, 1: products 1, -1, 1 over 4 squares; 1/4 + (1 + 3/4) / 4
    assert corrected_autocorrelation([window([1, 1, 3, 3])]) == pytest.approx(0.6875)
    # the third month is missing: two products over 4 squares; 1/2 + 5/2 / 4 is cut
    with_a_hole = Window((1, 2, 4, 5), (1.0, 1.0, 3.0, 3.0), (1.0,) * 4)
    assert corrected_autocorrelation([with_a_hole]) == pytest.approx(0.9)
    # -1, 1, -1, 1: -3/4, and no more than that is corrected: -3/4 + 1/4
    assert corrected_autocorrelation([window([1, 3, 1, 3])]) == 0
    # a window a hundred times as big weighs the same: (0 + 1/4 x 3) / (2 + 3) of unit variances
    both = [window([1, 2, 3]), window([100, 100, 300, 300])]
    r = (0 + 0.75) / 5
    assert corrected_autocorrelation(both) == pytest.approx(r + (1 + 3 * r) / 3.5)
    assert corrected_autocorrelation([window([2, 2, 2])]) == pytest.approx(1 / 3)


def test_difference_of_two_windows_by_hand():
    found = difference(window([1, 2, 3], [10] * 3), window([4, 5, 6], [10] * 3))
    # variance 1/300 on each side, doubled for dependence; Welch's 4 degrees are halved
    assert found.change == pytest.approx(0.3)
    assert found.error == pytest.approx(math.sqrt(4 / 300))
    assert found.degrees == pytest.approx(2)
    assert found.low == pytest.approx(0.3 - QUANTILE_OF_2 * math.sqrt(4 / 300))
    assert found.high == pytest.approx(0.3 + QUANTILE_OF_2 * math.sqrt(4 / 300))
    assert found.smallest_detectable == pytest.approx(
        (QUANTILE_OF_2 + 1.0606601717798212) * math.sqrt(4 / 300)
    )
    assert difference(window([1]), window([1, 2])) is None
    # never fewer than two degrees
    assert difference(window([1, 1, 3, 3]), window([1, 1, 3, 3])).degrees == 2


def test_a_sample_by_hand_has_its_own_spread():
    sample = Sample(5.0, 100 / 25, 24)
    found = difference(sample, window([1, 2, 3]))
    # 4 + 1/3, doubled; the correction for three months of one window alone
    assert found.error == pytest.approx(math.sqrt((4 + 1 / 3) * 2))
    expected = (4 + 1 / 3) ** 2 / (16 / 24 + (1 / 9) / 2) / 2
    assert found.degrees == pytest.approx(expected)
    assert difference(Sample(5.0, None, 0), window([1, 2, 3])) is None


def test_what_is_beyond_the_trend_equals_a_segmented_regression():
    before = window([10, 23, 31, 47, 58], [10, 11, 9, 12, 10])
    after = window([80, 95, 70, 99], [10, 12, 9, 11], first=7)
    months = np.array([*before.months, *after.months], dtype=float)
    x = np.array([*before.x, *after.x])
    ratios = np.array([*before.y, *after.y]) / x
    is_after = (months > 5).astype(float)
    centre = np.average(months[5:], weights=x[5:])
    ahead = months - centre
    fit = sm.WLS(
        ratios, np.column_stack([np.ones(9), ahead, is_after, is_after * ahead]), weights=x
    ).fit()
    found = beyond_trend(before, after)
    # at the middle of ``after`` the step is its level less the continued line
    assert found.change == pytest.approx(fit.params[2])
    factor = inflation([before, after])
    assert found.error == pytest.approx(fit.bse[2] * math.sqrt(factor))
    assert found.degrees == pytest.approx(max(5 / factor, 2))
    assert beyond_trend(window([1, 2]), window([1, 2], first=4)) is None


def test_a_trend_explains_what_it_would_have_brought_by_itself():
    # slope 0.98 +- 0.18255 a month; the middle of ``after`` lies five months on: 5.81 at most
    before = window([10, 11.1, 11.9, 13])
    explained = window([15.8, 16.8, 17.8, 18.8], first=6)
    assert is_explained_by_trend(before, explained, 5.8)
    assert not is_explained_by_trend(before, window([16, 17, 18, 19], first=6), 6.0)
    assert not is_explained_by_trend(before, window([5, 6, 7, 8], first=6), -5.0)
    # the mirror image
    assert is_explained_by_trend(window([-10, -11.1, -11.9, -13]), window(
        [-15.8, -16.8, -17.8, -18.8], first=6), -5.8)  # fmt: skip
    # no slope that is certain
    assert not is_explained_by_trend(window([10, 13, 9, 14]), explained, 5.8)


def test_a_level_change_without_a_trend_is_strong_and_a_continued_one_weak():
    level = window([10, 10.1, 9.9, 10, 10.1, 9.9])
    assert is_strong(level, window([15, 15.1, 14.9, 15, 15.1, 14.9], first=8), 5)
    rising = window([10, 11.1, 11.9, 13, 14.1, 14.9])
    assert not is_strong(rising, window([17, 18.1, 18.9, 20, 21.1, 21.9], first=8), 7)
    # beyond the trend, but on its other side
    assert not is_strong(rising, window([12, 12.1, 11.9, 12, 12.1, 11.9], first=8), 2)


def test_months_to_tell_by_hand():
    before = window([8, 10, 12, 9, 11, 10])
    # residuals -2, 0, 2, -1, 1, 0: 6/5 x 10 / 36; neighbours: -2 - 1, no correction beyond 1/6
    assert before.variance == pytest.approx(1 / 3)
    assert inflation([before]) == 1
    # no ``after`` yet: its months spread like those before, 2 for a single one
    for months in (3, 4, 5, 6):
        variance = 1 / 3 + 2 / months
        degrees = variance**2 / ((1 / 9) / 5 + (2 / months) ** 2 / (months - 1))
        quantiles = t.ppf(0.975, degrees) + t.ppf(0.8, degrees)
        smallest = quantiles * math.sqrt(variance)
        assert months_to_tell(before, None, smallest * 1.001, 3) == months
    assert months_to_tell(before, None, 0.1, 3) is None
    assert months_to_tell(before, None, 100, 3) == 3
    # with ``after`` there it can be told already
    assert months_to_tell(before, window([8, 10, 12, 9, 11, 10], first=8), 100, 3) is None
    assert months_to_tell(Sample(5.0, 1.0, 9), None, 1, 3) is None


def test_chance_of_better_families_is_binomial():
    assert chance_of_at_least(0, 8) == 1
    assert chance_of_at_least(1, 8) == pytest.approx(1 - 0.975**8)
    assert chance_of_at_least(2, 2) == pytest.approx(0.025**2)


# rates of the specification, 12 months a side, in percent
RATES = [
    (40, 0.0, 0.0, 3.4, 4.3),
    (1000, 0.0, 0.0, 3.4, 4.3),
    (40, 0.2, 0.0, 3.4, 4.3),
    (1000, 0.2, 0.0, 3.4, 4.3),
    (40, 0.2, 0.5, 5.6, 6.2),
    (300, 0.2, 0.5, 8.9, 10.3),
    (1000, 0.2, 0.5, 9.0, 10.7),
]


@pytest.mark.parametrize(("leads", "spread", "memory", "low", "high"), RATES)
def test_quiet_portals_are_called_changed_as_rarely_as_promised(leads, spread, memory, low, high):
    portals = 3000
    changed = 100 * cell(portals, leads, spread, memory).called_changed
    error = 100 * math.sqrt(high / 100 * (1 - high / 100) / portals)
    assert low - 2.5 * error < changed < high + 2.5 * error


# -- portals


def deal(number, created, won=None, lost=None, amount="100", **more):
    return {
        "id": str(number),
        "stage_id": "WON" if won else "LOSE" if lost else "NEW",
        "date_create": str(created),
        "moved_time": str(won or lost or created),
        "opportunity": str(amount),
        **more,
    }


def lead(number, created, status="NEW", **more):
    return {"id": str(number), "status_id": status, "date_create": str(created), **more}


def act(number, owner, created, direction, type_id="4", **more):
    return {
        "id": str(number), "owner_type_id": owner[0], "owner_id": str(owner[1]),
        "created": created, "type_id": type_id, "direction": direction, "completed": "Y",
        "author_id": "11", "responsible_id": "11", **more,
    }  # fmt: skip


def effect(seeds=None, variables=None, **tables):
    tables.setdefault("crm_status", STATUS)
    tables.setdefault("crm_deal", [])
    metrics = compute(tables, seeds or {}, IN_UTC | GO_LIVE | (variables or {})).metrics
    return Effect(metrics)


def picked(row, *columns):
    return {column: row[column] for column in columns}


def months_of(*names):
    return [date.fromisoformat(f"{name}-01") for name in names]


BEFORE = ("2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06")
AFTER = ("2024-08", "2024-09", "2024-10", "2024-11", "2024-12", "2025-01", "2025-02")


def sold(before, after, amount="100", **more):
    """A deal won the day it is created, on the 10th, for each count of a month."""
    number, deals = 0, []
    for months, counts in ((BEFORE, before), (AFTER, after)):
        for month, count in zip(months, counts, strict=False):
            for _ in range(count):
                number += 1
                at = f"{month}-10T10:00:00Z"
                deals.append(deal(number, at, won=at, amount=amount, contact_id=str(number)))
                deals[-1] |= more
    return deals


def test_windows_are_whole_months_around_go_live():
    deals = [deal(1, "2023-01-05T00:00:00Z"), deal(2, "2025-02-05T00:00:00Z")]

    def windows(**variables):
        found = effect(variables=variables, crm_deal=deals)
        return [[str(month)[:7] for month in side] for side in found.window_months]

    assert windows(comparison_months=3) == [list(BEFORE[3:]), ["2024-12", "2025-01", "2025-02"]]
    assert windows(comparison_months=3, after_window="first")[1] == list(AFTER[:3])
    assert windows(comparison_months=12)[1] == list(AFTER)
    assert windows(comparison_months=12, ramp_up_months=0)[1] == ["2024-07", *AFTER]
    # the month of go-live is neither when it falls inside
    inside = windows(crm_go_live_date="2024-07-02", comparison_months=3, after_window="first")
    assert inside == [list(BEFORE[3:]), list(AFTER[1:4])]


def test_only_ripe_months_and_those_of_both_seasons_are_compared():
    found = effect(
        variables={"as_of": "2025-09-01T00:00:00Z"},
        crm_deal=[deal(1, "2023-01-05T00:00:00Z"), deal(2, "2025-08-05T00:00:00Z")],
    )
    before, after = found.candidates("conversion")
    assert (len(before), before[0], before[-1]) == (12, date(2023, 7, 1), date(2024, 6, 1))
    # the last twelve are September to August; 90 days before September 1 are June 3
    assert (after[0], after[-1]) == (date(2024, 9, 1), date(2025, 5, 1))
    assert len(found.candidates("average_deal_size")[1]) == 12
    assert found.candidates("response_time")[1][-1] == date(2025, 7, 1)
    # 180 days before September 1 are March 5
    assert found.candidates("sales_cycle")[1][-1] == date(2025, 2, 1)
    assert [month.month for month in found.same_months(before, after)[0]] == [
        9, 10, 11, 12, 1, 2, 3, 4, 5,
    ]  # fmt: skip
    # two shared months are too few
    spring, summer = months_of("2024-02", "2024-03", "2024-04"), months_of("2025-03", "2025-04")
    assert found.same_months(spring, summer) == (spring, summer)


def test_conversion_is_of_leads_won_within_90_days():
    leads, deals, number = [], [], 0
    # won of eight leads: 1, 2, 1 before; 2, 3, 2 after, and one on the 90th day, which is too late
    won = dict(zip(("2024-04", "2024-05", "2024-06", *AFTER[:3]), (1, 2, 1, 2, 3, 2), strict=True))
    for month, count in won.items():
        for index in range(8):
            number += 1
            created = f"{month}-01T00:00:00Z"
            leads.append(lead(number, created))
            if index <= count:
                at = date.fromisoformat(f"{month}-01") + timedelta(days=90 if index == count else 5)
                deals.append(deal(number, created, won=f"{at}T00:00:00Z", lead_id=str(number)))
    found = effect(crm_lead=leads, crm_deal=deals)
    row = found.crm_scorecard()["conversion"]
    # 4 of 24 to 7 of 24; residuals on each side -1/3, 2/3, -1/3 of 8: 3/2 x 6/9 / 576
    variance = 2 * 1.5 * (6 / 9) / 576
    # neighbours -2/9 twice over 6/9: r = -2/3, corrected by 1/3 only: no inflation
    margin = t.ppf(0.975, 4) * math.sqrt(variance) * 100
    assert picked(row, "before_n", "after_n", "before_months", "after_months", "status") == {
        "before_n": 24,
        "after_n": 24,
        "before_months": 3,
        "after_months": 3,
        "status": "not_distinguishable",
    }
    assert row["before_value"] == pytest.approx(100 * 4 / 24)
    assert row["change"] == pytest.approx(12.5)
    assert row["change_pct"] == pytest.approx(75)
    assert row["change_ci_low"] == pytest.approx(12.5 - margin)
    assert row["change_ci_high"] == pytest.approx(12.5 + margin)
    windows = found.metric_windows()
    after = windows["conversion", "after"]
    assert picked(after, "numerator", "denominator", "first_month", "last_month") == {
        "numerator": 7,
        "denominator": 24,
        "first_month": date(2024, 8, 1),
        "last_month": date(2024, 10, 1),
    }
    # the article: deals won in these months, of which one is of a lead of July and so on
    closed = sum(
        month in row["moved_time"][:7]
        for row in deals
        for month in ("2024-08", "2024-09", "2024-10")
    )
    assert after["article_value"] == pytest.approx(100 * closed / 24)
    assert row["goal_status"] == "no_goal"


def asked(number, thread, at, minutes, **more):
    """A client's e-mail and, unless minutes is None, our answer."""
    rows = [act(2 * number, ("3", thread), f"{at}T10:00:00Z", "1", **more)]
    if minutes is not None:
        hours, rest = divmod(minutes, 60)
        answer = f"{at}T{10 + hours:02}:{rest:02}:00Z"
        rows.append(act(2 * number + 1, ("3", thread), answer, "2", **more))
    return rows


def correspondence(answers):
    """Twelve e-mails a month; answers: month -> how many are answered, after how many minutes."""
    rows, number = [], 0
    for month, (answered, minutes) in answers.items():
        for index in range(12):
            number += 1
            wait = minutes if index < answered else None
            rows += asked(number, number, f"{month}-{index + 2:02}", wait)
    return rows


def test_response_time_is_compared_by_answers_within_the_horizon():
    answers = dict.fromkeys(BEFORE, (12, 60)) | dict.fromkeys(AFTER, (12, 30))
    rows = correspondence(answers)
    # 40 days late: in no average
    rows += asked(900, 900, "2024-02-20", None)
    rows.append(act(9000, ("3", 900), "2024-03-31T10:00:00Z", "2"))
    row = effect(crm_activity=rows).crm_scorecard()["response_time"]
    assert picked(row, "before_value", "after_value", "before_n", "status", "evidence") == {
        "before_value": 60,
        "after_value": 30,
        "before_n": 72,
        "status": "better",
        "evidence": "strong",
    }


def test_answers_that_were_not_recorded_before_are_not_compared():
    answers = dict.fromkeys(BEFORE, (5, 60)) | dict.fromkeys(AFTER, (12, 30))
    rows = correspondence(answers)
    found = effect(crm_activity=rows)
    row = found.crm_scorecard()["response_time"]
    assert row["status"] == "not_comparable"
    assert row["change"] is None
    doubts = {doubt[1]: doubt[2:] for doubt in row["warning"]}
    assert doubts["answered_email"] == (pytest.approx(5 / 12), 1)
    assert doubts["outgoing_acts_email"] == (pytest.approx(5 / 12), 1)
    # half is too little of answers, unless a var says so
    half = correspondence(answers | dict.fromkeys(BEFORE, (6, 60)))
    row = effect(crm_activity=half).crm_scorecard()["response_time"]
    assert row["status"] == "not_comparable"
    two = {"max_answers_ratio": 2}
    assert (
        effect(variables=two, crm_activity=half).crm_scorecard()["response_time"]["status"]
        == "better"
    )
    # a person who knows
    told = effect(variables={"recorded_alike": ["response_time"]}, crm_activity=rows)
    row = told.crm_scorecard()["response_time"]
    assert (row["status"], row["warning"]) == ("better", [("recorded_alike", "response_time")])
    # calls were recorded alike: they alone are compared
    calls = [
        row
        for number, month in enumerate((*BEFORE, *AFTER), 500)
        for day in ("20", "21")
        for row in asked(number * 9 + int(day), f"7{number}{day}", f"{month}-{day}", 15)
    ]
    for number, call in enumerate(calls):
        call |= {"id": str(90000 + number), "type_id": "2"}
        if call["direction"] == "1":
            call["completed"] = "N"
    row = effect(crm_activity=rows + calls).crm_scorecard()["response_time"]
    assert picked(row, "before_value", "after_value", "before_n", "status") == {
        "before_value": 15,
        "after_value": 15,
        "before_n": 12,
        "status": "not_distinguishable",
    }
    assert row["warning"][-1] == ("compared_over", "call")


def test_recording_coverage_by_hand():
    found = effect(
        seeds={
            "costs": [
                {"cost_id": "1", "cost_type": "crm", "date_from": "2024-02-20",
                 "date_to": "2024-03-10", "amount": "20"},
                {"cost_id": "2", "cost_type": "crm", "date_from": "2024-02-25",
                 "date_to": "2024-02-26", "amount": "20"},
            ],
            "lead_outcomes": [{"status_id": "SPAM", "outcome": "excluded"}],
        },
        crm_lead=[
            lead(1, "2024-02-01T00:00:00Z"),
            lead(2, "2024-02-02T00:00:00Z"),
            lead(3, "2024-02-03T00:00:00Z", "SPAM"),
        ],
        crm_deal=[
            deal(1, "2024-02-02T00:00:00Z", won="2024-02-03T00:00:00Z", lead_id="1",
                 contact_id="5"),
            deal(2, "2024-02-02T00:00:00Z", won="2024-02-03T00:00:00Z"),
            deal(3, "2024-02-02T00:00:00Z"),
        ],
        crm_deal_stage_history=[
            {"id": "1", "owner_id": "3", "created_time": "2024-02-02T00:00:00Z", "stage_id": "NEW"}
        ],
        crm_activity=[
            act(1, ("1", 1), "2024-02-05T00:00:00Z", "1"),
            act(2, ("1", 1), "2024-02-06T00:00:00Z", "2"),
            act(3, ("1", 1), "2024-02-07T00:00:00Z", "2"),
            # nobody had asked
            act(4, ("3", 9), "2024-02-08T00:00:00Z", "2", "2"),
            act(5, ("3", 8), "2024-02-09T00:00:00Z", "1", "2", completed="N"),
            # a robot
            act(6, ("3", 8), "2024-02-09T01:00:00Z", "2", author_id="0"),
        ],
        telephony_call=[
            {"id": "1", "call_start_date": "2024-02-08T00:00:00Z", "call_failed_code": "200",
             "crm_activity_id": "4"}
        ],
    )  # fmt: skip
    rows = found.recording_coverage
    february = {
        kind: (row["numerator"], row["denominator"])
        for (month, kind), row in rows.items()
        if month == date(2024, 2, 1)
    }
    assert february == {
        "demand_with_activity": (1, 2),
        "outgoing_acts": (3, 2),
        "letters": (2, 2),
        "answered": (1, 2),
        "calls_with_telephony": (1, 2),
        "deals_with_history": (1, 3),
        "won_deals_with_client": (1, 2),
        # of deals that came from a lead
        "leads_per_deal": (2, 1),
        "deals_of_leads": (1, 3),
        "came_to_nothing": (1, 2),
        "requests_call": (1, 2),
        "answered_call": (0, 1),
        "letters_call": (0, 1),
        "outgoing_acts_call": (0, 1),
        "requests_email": (1, 2),
        "answered_email": (1, 1),
        "letters_email": (2, 1),
        "outgoing_acts_email": (2, 1),
        "requests_form": (0, 2),
        "answered_form": (0, 0),
        "letters_form": (0, 0),
        "outgoing_acts_form": (0, 0),
        "requests_chat": (0, 2),
        "answered_chat": (0, 0),
        "letters_chat": (0, 0),
        "outgoing_acts_chat": (0, 0),
        "cost_days_marketing": (0, 29),
        "cost_days_crm": (10, 29),
        "cost_days_salary": (0, 29),
        "cost_days_other": (0, 29),
    }
    assert rows[date(2024, 2, 1), "answered_form"]["coverage"] is None
    assert rows[date(2024, 2, 1), "answered"]["coverage"] == 0.5


LONG_AGO = {"history_start_date": "2020-01-01", "client_inactivity_days": 20}


def test_loyalty_is_compared_by_purchases():
    deals = []
    # of two clients a month one buys again: before after 20 days (too late), later after 19
    for number, month in enumerate((*BEFORE, *AFTER)):
        day = 21 if month in BEFORE else 20
        for client, days in ((f"1{number}", (1, day)), (f"2{number}", (1,))):
            for bought in days:
                at = f"{month}-{bought:02}T00:00:00Z"
                deals.append(deal(len(deals) + 1, at, won=at, company_id=client))
    found = effect(variables=LONG_AGO, crm_deal=deals)
    score = found.crm_scorecard()
    # of three purchases of a month none, then one is followed
    assert score["retention"]["before_value"] == 0
    assert score["retention"]["after_value"] == pytest.approx(100 / 3)
    assert score["churn"]["after_value"] == pytest.approx(200 / 3)
    # February is younger than 20 days at March 1
    assert (score["retention"]["before_n"], score["retention"]["after_n"]) == (18, 18)
    assert (score["retention"]["status"], score["churn"]["status"]) == ("better", "better")


def test_near_the_beginning_of_the_data_loyalty_is_not_compared():
    found = effect(variables={"client_inactivity_days": 100}, crm_deal=sold([2] * 6, [2] * 7))
    # the first purchase is of January 10; 100 days on it is April 19
    assert [str(month)[:7] for month in found.candidates("ltv")[0]] == ["2024-05", "2024-06"]
    assert found.crm_scorecard()["ltv"]["status"] == "no_data"
    assert len(found.candidates("average_deal_size")[0]) == 6


def cost(number, kind, first, last, amount, channel=None):
    return {
        "cost_id": str(number), "cost_type": kind, "channel": channel, "date_from": first,
        "date_to": last, "amount": str(amount), "currency": None,
    }  # fmt: skip


def test_cost_of_acquisition_is_a_ratio_of_sums():
    costs = [
        cost(1, "marketing", "2024-01-01", "2024-06-30", 18200),
        cost(2, "marketing", "2024-07-01", "2025-02-28", 24300),
        cost(3, "crm", "2024-07-01", "2025-02-28", 2430),
        cost(4, "salary", "2024-01-01", "2025-02-28", 999999),
    ]
    found = effect({"costs": costs}, LONG_AGO, crm_deal=sold([2, 2, 2, 2, 2, 4], [3] * 7))
    row = found.crm_scorecard()["cac"]
    # the months of both years: January and February only, so all are compared
    assert row["before_value"] == pytest.approx(18200 / 14)
    assert row["after_value"] == pytest.approx(110 * 212 / 21)
    assert (row["before_n"], row["after_n"]) == (14, 21)
    # marketing was written down from go-live on only
    late = effect({"costs": costs[1:]}, LONG_AGO, crm_deal=sold([2] * 6, [3] * 7))
    row = late.crm_scorecard()["cac"]
    assert row["status"] == "not_comparable"
    assert row["warning"] == [("recorded_differently", "cost_days_marketing", 0, 1)]
    # nobody wrote anything down
    unknown = effect({"costs": costs[2:3]}, LONG_AGO, crm_deal=sold([2] * 6, [3] * 7))
    assert unknown.crm_scorecard()["cac"]["status"] == "no_data"


def test_the_sales_cycle_is_compared_by_month_of_first_contact():
    deals = []
    for month in (*BEFORE, *AFTER):
        start = date.fromisoformat(f"{month}-20")
        waits = (10, 30, 80) if month in BEFORE else (10, 20, 60)
        for wait in waits:
            at = f"{start + timedelta(days=wait)}T00:00:00Z"
            deals.append(deal(len(deals) + 1, f"{start}T00:00:00Z", won=at))
    found = effect(variables={"cycle_horizon_days": 60}, crm_deal=deals)
    row = found.crm_scorecard()["sales_cycle"]
    # the 60th day is too late, and December to February are too young
    assert picked(row, "before_value", "after_value", "before_n", "after_n", "status") == {
        "before_value": 20,
        "after_value": 15,
        "before_n": 12,
        "after_n": 8,
        "status": "better",
    }


def test_lifetime_value_is_compared_at_one_lifespan():
    # one client who buys for 100 every month is always active: so much a client-year
    deals = []
    for number in range(20):
        month = date(2023 + (5 + number) // 12, (5 + number) % 12 + 1, 1)
        deals.append(
            deal(number + 1, f"{month}T00:00:00Z", won=f"{month}T00:00:00Z",
                 amount=100 if month < date(2024, 7, 1) else 150, company_id="1")
        )  # fmt: skip
    found = effect(
        variables={"history_start_date": "2020-01-01", "gross_margin_rate": 0.5,
                   "min_sample_size": 3},
        crm_deal=deals,
    )  # fmt: skip
    row = found.crm_scorecard()["ltv"]
    lifespan = (date(2025, 3, 1) - date(2023, 6, 1)).days / 365.25
    # August to February are in both windows
    assert row["before_months"] == 7
    shared = sum((date(2023, month, 1) - date(2023, month - 1, 1)).days for month in range(9, 13))
    shared += 31 + 31 + 29
    assert row["before_value"] == pytest.approx(700 / (shared / 365.25) * 0.5 * lifespan, rel=1e-6)


def test_average_deal_size_at_prices_of_the_last_month():
    index = [
        {"month": f"{month}-01", "index": 100 if month in BEFORE else 200}
        for month in (*BEFORE, *AFTER)
    ]
    deals = sold([2] * 6, [])
    for late in sold([], [2] * 7, amount="300"):
        deals.append(late | {"id": str(100 + int(late["id"]))})
    nominal = effect(crm_deal=deals).crm_scorecard()["average_deal_size"]
    assert (nominal["before_value"], nominal["after_value"]) == (100, 300)
    assert nominal["change_pct"] == 200
    real = effect({"price_index": index}, crm_deal=deals)
    row = real.crm_scorecard()["average_deal_size"]
    assert (row["before_value"], row["after_value"]) == (200, 300)
    # the article's figure is the one of metric_values, in prices of the time
    assert real.metric_windows()["average_deal_size", "before"]["article_value"] == 100
    # July has no index: that of June holds
    assert real.at_last_prices(date(2024, 7, 1)) == 2
    assert real.at_last_prices(date(2023, 7, 1)) == 2


def test_windows_far_apart_warn_of_prices():
    deals = sold([2] * 6, [2] * 7)
    for month in range(3, 13):
        at = f"2025-{month:02}-10T10:00:00Z"
        deals += [deal(1000 + 2 * month + part, at, won=at) for part in (0, 1)]
    near = {"as_of": "2025-12-31T00:00:00Z", "comparison_months": 6}
    row = effect(variables=near, crm_deal=deals).crm_scorecard()["average_deal_size"]
    # January to June 2024 and June to November 2025: twelve months from June to June
    assert row["warning"] == []
    far = near | {"as_of": "2026-01-01T00:00:00Z"}
    row = effect(variables=far, crm_deal=deals).crm_scorecard()["average_deal_size"]
    assert row["warning"] == [("prices_not_deflated",)]


def test_lost_sales_are_compared_at_the_price_of_after():
    leads, deals = [], []
    for month in (*BEFORE, *AFTER):
        for index in range(4):
            number = len(leads) + 1
            at = f"{month}-02T00:00:00Z"
            # before two of four are lost to slowness, then one; one is bought
            is_slow = index < (2 if month in BEFORE else 1)
            leads.append(
                lead(
                    number,
                    at,
                    "SLOW" if is_slow else "NEW",
                    status_semantic_id="F" if is_slow else "P",
                )
            )
            if index == 3:
                amount = "1000" if month in BEFORE else "400"
                deals.append(deal(number, at, won=at, lead_id=str(number), amount=amount))
    reasons = [
        {"entity_type": "lead", "stage_id": "SLOW", "loss_reason_id": "slow",
         "loss_reason_name": "Slow", "is_organisational": "true"}
    ]  # fmt: skip
    found = effect({"loss_reasons": reasons}, crm_lead=leads, crm_deal=deals)
    row = found.crm_scorecard()["lost_sales"]
    assert picked(row, "before_value", "after_value", "before_n", "status") == {
        "before_value": 200,
        "after_value": 100,
        "before_n": 24,
        "status": "better",
    }
    # a month by the article: 1,000 x 4 x 3/4 x 2/3, then 400 x 4 x 3/4 x 1/3
    windows = found.metric_windows()
    assert windows["lost_sales", "before"]["article_value"] == pytest.approx(2000)
    assert windows["lost_sales", "after"]["article_value"] == pytest.approx(400)
    # without reasons and activities nothing tells a loss of one's own making
    row = effect(crm_lead=leads, crm_deal=deals).crm_scorecard()["lost_sales"]
    assert row["status"] == "no_data"


def test_automation_has_no_vote_unless_events_tell():
    processes = [
        {"process_id": str(number), "name": "x", "category": "other",
         "automated_from": "2024-07-15" if number < 4 else None}
        for number in range(5)
    ]  # fmt: skip
    found = effect({"business_processes": processes}, crm_deal=sold([2] * 6, [2] * 7))
    row = found.crm_scorecard()["automation_level"]
    columns = ("before_value", "after_value", "change", "change_ci_low", "status", "has_vote")
    assert picked(row, *columns) == {
        "before_value": 0,
        "after_value": 80,
        "change": 80,
        "change_ci_low": None,
        "status": "not_distinguishable",
        "has_vote": False,
    }
    assert found.crm_verdict({})["families"]["automation"] is None
    mails = [
        act(number, ("3", "1"), f"{month}-{day:02}T00:00:00Z", "2",
            author_id="0" if day < (3 if month in BEFORE else 7) else "11")
        for number, (month, day) in enumerate(
            ((month, day) for month in (*BEFORE, *AFTER) for day in range(1, 11)), 1)
    ]  # fmt: skip
    found = effect({"business_processes": processes}, crm_activity=mails)
    row = found.crm_scorecard()["automation_level"]
    assert (row["before_value"], row["after_value"], row["status"]) == (20, 60, "better")
    windows = found.metric_windows()
    assert windows["automation_level", "after"]["measure"] == "automated_events_pct"
    assert windows["automation_level", "after"]["article_value"] == 80
    assert found.crm_verdict({})["families"]["automation"] == "better"


# -- baselines by hand (11.5)


def baseline(code, value, size=None, deviation=None):
    return {
        "manual_baseline": [
            {"metric_code": code, "value": str(value), "sample_size": size, "std_dev": deviation,
             "period_start": "2024-01-01", "period_end": "2024-06-30", "note": ""}
        ]
    }  # fmt: skip


def test_a_baseline_is_compared_with_the_published_metric():
    after = sold([], [3, 5, 4, 4, 4, 4, 4])
    found = effect(baseline("average_deal_size", 80, 25, 50), crm_deal=after)
    row = found.crm_scorecard()["average_deal_size"]
    # 50 x 50 / 25 = 100 before, no spread after; 1/7 is the correction: (1 + 1/7) / (1 - 1/7)
    factor = (8 / 7) / (6 / 7)
    margin = t.ppf(0.975, 24 / factor) * math.sqrt(100 * factor)
    assert picked(row, "before_value", "after_value", "change", "before_n", "before_source") == {
        "before_value": 80,
        "after_value": 100,
        "change": 20,
        "before_n": 25,
        "before_source": "manual",
    }
    assert row["change_ci_low"] == pytest.approx(20 - margin)
    assert row["status"] == "not_distinguishable"
    # certain, were its spread small
    sure = effect(baseline("average_deal_size", 80, 25, 5), crm_deal=after).crm_scorecard()
    assert sure["average_deal_size"]["status"] == "better"
    # without a spread there is no claim
    bare = effect(baseline("average_deal_size", 80), crm_deal=after).crm_scorecard()
    assert picked(bare["average_deal_size"], "change", "change_ci_low", "status") == {
        "change": 20,
        "change_ci_low": None,
        "status": "not_distinguishable",
    }
    # data come first
    both = effect(baseline("average_deal_size", 80, 25, 5), crm_deal=sold([2] * 6, [3] * 7))
    assert both.crm_scorecard()["average_deal_size"]["before_source"] == "data"
    # 4.9 is further than a factor of 20 from 100, 5 is not
    wrong = effect(baseline("average_deal_size", 4.9, 25, 5), crm_deal=after).crm_scorecard()
    assert wrong["average_deal_size"]["status"] == "no_data"
    assert wrong["average_deal_size"]["warning"] == [("baseline_wrong_unit", 4.9, 100)]
    right = effect(baseline("average_deal_size", 5, 25, 5), crm_deal=after).crm_scorecard()
    assert right["average_deal_size"]["status"] == "better"


def test_a_baseline_takes_the_place_of_what_was_recorded_differently():
    answers = dict.fromkeys(BEFORE, (1, 60)) | dict.fromkeys(AFTER, (12, 30))
    found = effect(baseline("response_time", 240, 120, 190), crm_activity=correspondence(answers))
    row = found.crm_scorecard()["response_time"]
    assert picked(row, "before_value", "after_value", "before_source", "status") == {
        "before_value": 240,
        "after_value": 30,
        "before_source": "manual",
        "status": "better",
    }


# -- does it pay (11.7)


def test_return_on_the_crm_by_hand():
    # two leads and one deal of 100 a month, then four leads and three deals of 200
    leads, deals = [], []
    for month in (*BEFORE, *AFTER):
        wanted, won, amount = (2, 1, 100) if month in BEFORE else (4, 3, 200)
        for index in range(wanted):
            number = len(leads) + 1
            at = f"{month}-05T00:00:00Z"
            leads.append(lead(number, at))
            if index < won:
                deals.append(deal(number, at, won=at, lead_id=str(number), amount=amount))
    costs = [
        # 31 before the first raw row, then 100 a day in July, nothing since
        cost(1, "crm", "2023-12-01", "2023-12-31", 31),
        cost(2, "crm", "2024-07-01", "2024-07-31", 1000),
        cost(3, "marketing", "2024-01-01", "2024-06-30", 1820),
        cost(4, "marketing", "2024-07-01", "2025-02-28", 2430 * 2),
    ]
    variables = LONG_AGO | {"gross_margin_rate": 0.5}
    found = effect({"costs": costs}, variables, crm_lead=leads, crm_deal=deals)
    months = found.crm_roi_months
    assert next(iter(months)) == date(2024, 7, 1)
    usual = 1820 / 6
    parts = ("volume_effect", "conversion_effect", "deal_size_effect")
    # two more leads x 1/2 x 100; 3 - 2 deals x 100; 3 x 100
    assert list(picked(months[date(2024, 8, 1)], *parts).values()) == [100, 100, 300]
    assert list(picked(found.crm_roi, *parts).values()) == [100, 100, 300]
    july = months[date(2024, 7, 1)]
    assert picked(july, "margin_change", "crm_cost", "crm_cost_so_far", "is_compared") == {
        "margin_change": -50,
        "crm_cost": pytest.approx(1000),
        "crm_cost_so_far": pytest.approx(1031),
        "is_compared": False,
    }
    assert july["net_effect_so_far"] == pytest.approx(-50 - (31 * 20 - usual) - 1031)
    row = found.crm_roi
    assert row["margin_change"] == 250
    assert row["marketing_cost_change"] == pytest.approx(212 * 20 / 7 - usual)
    assert picked(row, "months_since_go_live", "crm_cost_a_month", "crm_cost_total") == {
        "months_since_go_live": 8,
        "crm_cost_a_month": pytest.approx(1031 / 8),
        "crm_cost_total": pytest.approx(1031),
    }
    net = 250 - (212 * 20 / 7 - usual) - 1031 / 8
    assert row["net_effect"] == pytest.approx(net)
    total = -50 + 7 * 250 - (243 * 20 - 8 * usual) - 1031
    assert row["net_effect_total"] == pytest.approx(total)
    assert row["roi_pct"] == pytest.approx(total / 1031 * 100)

    def variance(earned):
        mean = sum(earned) / len(earned)
        return sum((e - mean) ** 2 for e in earned) / (len(earned) - 1) / len(earned)

    before = [50 - 10 * days for days in (31, 29, 31, 30, 31, 30)]
    after = [300 - 20 * days for days in (31, 30, 31, 30, 31, 31, 28)]
    monthly = difference(window(before), window(after, first=8))
    assert row["net_effect_ci_low"] == pytest.approx(net - monthly.margin)
    assert row["net_effect_ci_high"] == pytest.approx(net + monthly.margin)
    assert monthly.error**2 / inflation([window(before), window(after, first=8)]) == pytest.approx(
        variance(before) + variance(after)
    )


def returned(costs, deals, **variables):
    """What ``crm_roi`` says where all revenue is margin."""
    variables = LONG_AGO | {"gross_margin_rate": 1} | variables
    return effect({"costs": costs}, variables, crm_deal=deals).crm_roi


PAYBACKS = ("payback_earliest", "payback_month", "payback_latest", "months_to_payback")


def test_payback_only_when_the_interval_says_so():
    deals = sold([1] * 6, [3] * 7, amount="100")
    paid = cost(1, "crm", "2024-07-01", "2024-07-31", 500)
    row = returned([paid], deals)
    # -100 - 500 in July, then 200 a month: -600, -400, -200, 0 in October
    assert row["net_effect_total"] == pytest.approx(7 * 200 - 100 - 500)
    october = date(2024, 10, 1)
    assert list(picked(row, *PAYBACKS).values()) == [october, october, october, 4]
    shaky = returned([paid], sold([1] * 6, [0, 6, 0, 6, 0, 6, 0], amount="100"))
    assert shaky["net_effect"] == pytest.approx(1800 / 7 - 100 - 500 / 8)
    assert shaky["net_effect_ci_low"] < 0
    assert date(2024, 7, 1) <= shaky["payback_earliest"] <= date(2025, 2, 1)
    assert list(picked(shaky, *PAYBACKS).values())[1:] == [None] * 3
    # revenue is no margin
    revenue = returned([paid], deals, gross_margin_rate="")
    assert picked(revenue, "revenue_change", "margin_change", "net_effect") == {
        "revenue_change": pytest.approx(200),
        "margin_change": None,
        "net_effect": None,
    }
    # salaries written down from go-live on only: whether they were added is not known
    salary = cost(2, "salary", "2024-08-01", "2025-02-28", 700)
    row = returned([paid, salary], deals)
    assert (row["net_effect"], row["net_effect_total"]) == (None, None)
    # without a cost of the CRM there is nothing to pay back
    row = returned([], deals)
    assert (row["crm_cost_total"], row["net_effect"]) == (None, None)


# -- the verdict (11.8)


TELL_DATES = {code: date(2025, month, 1) for month, code in enumerate(FAMILIES, 1)}


def judged(roi=None, variables=None, **outcomes):
    """The verdict on comparisons that came out as given (metric -> status)."""
    found = effect(variables=variables, crm_deal=[deal(1, "2024-01-01T00:00:00Z")])
    comparisons = {code: Comparison(code, "x", 1.0) for code in FAMILIES}
    for code, status in outcomes.items():
        can_show = status == "able"
        comparisons[code] = Comparison(
            code,
            "x",
            1.0,
            before=window([10, 10, 10]),
            after=window([10, 10, 10]),
            status="not_distinguishable" if status in ("able", "unable") else status,
            found=Difference(0.0, 0.1 if can_show else 10.0, 20.0),
            tell_date=None if can_show else TELL_DATES[code],
        )
    found.__dict__["comparisons"] = comparisons
    return found.crm_verdict(roi)


FOUR = ("conversion", "response_time", "cac", "sales_cycle")


def test_verdict_needs_enough_families():
    verdict = judged(**dict.fromkeys(FOUR[:3], "better"))
    assert (verdict["verdict"], verdict["families_with_data"]) == ("not_enough_data", 3)
    # two of one family are one family
    verdict = judged(retention="better", churn="worse", ltv="better", cac="better")
    assert (verdict["families"]["loyalty"], verdict["families_with_data"]) == ("better", 2)


def test_verdict_pays_off_with_half_better_and_money_not_against():
    outcomes = {"conversion": "better", "cac": "better", "sales_cycle": "able"}
    found = judged(**outcomes, response_time="worse")
    assert (found["verdict"], found["families_better"]) == ("pays_off", 2)
    assert found["chance_under_no_effect"] == pytest.approx(chance_of_at_least(2, 4))
    assert found["expected_wrong_lines"] == pytest.approx(0.2)
    gain = {"net_effect_ci_low": -1, "net_effect_ci_high": 1}
    loss = {"net_effect_ci_low": -2, "net_effect_ci_high": -1}
    assert judged(gain, **outcomes, response_time="able")["verdict"] == "pays_off"
    assert judged(loss, **outcomes, response_time="able")["verdict"] == "eats_the_budget"
    one = judged(conversion="better", cac="able", sales_cycle="able", response_time="able")
    assert one["verdict"] == "no_effect"


def test_verdict_eats_the_budget_with_half_worse():
    outcomes = dict.fromkeys(FOUR[:2], "worse") | dict.fromkeys(FOUR[2:], "able")
    assert judged(**outcomes)["verdict"] == "eats_the_budget"
    assert judged(**(outcomes | {"cac": "better"}))["verdict"] == "eats_the_budget"
    evenly = outcomes | {"cac": "better", "sales_cycle": "better"}
    assert judged(**evenly)["verdict"] == "no_effect"


def test_verdict_without_an_effect_says_whether_one_could_have_been_seen():
    half = {"conversion": "able", "response_time": "able", "cac": "unable", "sales_cycle": "unable"}
    assert judged(**half)["verdict"] == "no_effect"
    unable = half | {"conversion": "unable", "response_time": "explained_by_trend"}
    found = judged(**unable)
    assert found["verdict"] == "cannot_tell_yet"
    assert found["families_level_able"] == 0


def test_verdict_gives_the_date_from_which_half_can_tell():
    found = judged(conversion="unable", cac="unable", sales_cycle="unable", churn="unable")
    # January (conversion) and April (churn): two of four
    assert found["verdict"] == "cannot_tell_yet"
    assert found["tell_date"] == date(2025, 4, 1)


def test_without_a_go_live_date_there_is_no_verdict():
    found = compute_effect(
        compute({"crm_deal": sold([2] * 6, [3] * 7), "crm_status": STATUS}, {}, IN_UTC).metrics
    )
    assert found.crm_verdict is None
    assert not found.metric_windows
    assert not found.crm_scorecard
    assert found.recording_coverage


# -- identities on random portals


@pytest.mark.parametrize("variant", ["defaults", "berlin", "deals"])
def test_identities_hold_on_random_portals(variant):
    compared = 0
    for seed in range(18):
        case = seeded_case(seed, variant=variant, size="medium")
        variables = {"crm_go_live_date": "2024-05-01", "min_comparison_months": 2}
        metrics = compute(case.portal, case.seeds, case.variables | variables).metrics
        found = compute_effect(metrics)
        assert set(found.crm_scorecard) == set(FAMILIES)
        for code, row in found.crm_scorecard.items():
            sides = [found.metric_windows[code, side]["value"] for side in ("before", "after")]
            assert sides == [row["before_value"], row["after_value"]]
            compared += row["change"] is not None
            if row["status"] in ("better", "worse", "explained_by_trend"):
                assert row["change_ci_low"] > 0 or row["change_ci_high"] < 0
                is_up = row["change"] > 0
                if row["status"] != "explained_by_trend":
                    assert (row["status"] == "better") == (
                        is_up == (row["better_when"] == "higher")
                    )
            if row["status"] in ("no_data", "not_comparable"):
                assert row["change"] is None
        for row in (found.crm_roi, *found.crm_roi_months.values()):
            parts = row and [
                row[f"{name}_effect"] for name in ("volume", "conversion", "deal_size")
            ]
            if parts and None not in parts:
                assert sum(parts) == pytest.approx(row["revenue_change"], abs=1e-6)
    assert compared > 10


# -- cases that went wrong


def portal_of(case):
    if not CASES.is_dir():
        pytest.skip("the cases are not beside the project")
    tables = {}
    for path in (CASES / case).glob("*.csv"):
        with path.open(encoding="utf-8") as lines:
            tables[path.stem] = [
                {column.lower(): value for column, value in row.items()}
                for row in csv.DictReader(lines)
            ]
    return tables


def test_a_young_portal_in_which_nothing_changed_is_not_called_worse():
    metrics = compute(portal_of("young-portal"), {}, {"crm_go_live_date": "2025-07-01"}).metrics
    found = compute_effect(metrics)
    statuses = {code: row["status"] for code, row in found.crm_scorecard.items()}
    assert {statuses[code] for code in ("retention", "churn", "ltv")} == {"no_data"}
    assert set(statuses.values()) <= {"no_data", "not_distinguishable"}


def test_a_portal_that_changed_its_mode_has_not_changed_its_conversion():
    portal = portal_of("mode-switch")
    for variables in ({}, {"demand_entity": "both"}, {"min_comparison_months": 2}):
        metrics = compute(
            portal, {}, {"crm_go_live_date": "2025-07-01", "ramp_up_months": 0} | variables
        ).metrics
        row = compute_effect(metrics).crm_scorecard["conversion"]
        assert (row["before_value"], row["after_value"]) == (25, 25)
        assert row["status"] == "not_distinguishable"
