"""A figure over several months is the metric of those months, and a null says why."""

from __future__ import annotations

import json
from datetime import date
from io import StringIO

import pytest
from rich.console import Console

from bitrix24_effectiveness.report import Metric, Month, windows
from bitrix24_effectiveness.verdict import Verdict, print_verdict, sorted_findings
from harness import seed_rows
from running import REPOSITORY, Built


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


BASES = {
    row["metric_code"]: row["basis"] for row in seed_rows(REPOSITORY / "seeds", "metric_catalog")
}


def metric(code: str, months: list[Month], is_percent: bool = False) -> Metric:
    return Metric(code, {"en": code, "ru": code}, "percent", is_percent, BASES[code], months)


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


# -- the verdict in words


def scored(code: str, status: str, **other: object) -> dict[str, object]:
    row = {
        "metric_code": code,
        "name_en": code.capitalize(),
        "name_ru": f"Показатель {code}",
        "unit": "days",
        "before_value": 23.2,
        "after_value": 17.1,
        "change": -6.1,
        "change_pct": -26.3,
        "change_ci_low": -10.4,
        "change_ci_high": -1.9,
        "before_source": "data",
        "status": status,
        "warning": None,
    }
    return row | other


def verdict_row(verdict: str = "pays_off", **other: object) -> dict[str, object]:
    row = {
        "verdict": verdict,
        "go_live_date": date(2025, 5, 1),
        "before_from": date(2024, 5, 1),
        "before_last_month": date(2025, 4, 1),
        "after_from": date(2025, 11, 1),
        "after_last_month": date(2026, 10, 1),
        "families_with_data": 8,
        "families_better": 4,
        "families_worse": 1,
        "families_level": 3,
        "chance_under_no_effect": 0.1875,
    }
    return row | other


ROI = {
    "revenue_before": 1_000_000.0,
    "revenue_after": 1_300_000.0,
    "revenue_change": 300_000.0,
    "volume_effect": 100_000.0,
    "conversion_effect": 250_000.0,
    "deal_size_effect": -50_000.0,
    "net_effect": 240_000.0,
    "payback_month": date(2025, 9, 1),
}


def finding(code: str, severity: str, share: float) -> dict[str, object]:
    return {
        "finding_code": code,
        "severity": severity,
        "name_en": f"Name of {code}",
        "name_ru": f"Название {code}",
        "evidence_count": 1234,
        "evidence_base": 5000,
        "evidence_share_pct": share,
        "advice_en": "Do this.",
        "advice_ru": "Сделайте это.",
    }


def told(language: str, **given: object) -> str:
    fields = {
        "verdict": verdict_row(),
        "scorecard": [],
        "roi": None,
        "findings": [],
        "base_currency": "RUB",
    }
    text = StringIO()
    console = Console(file=text, width=1000, highlight=False)
    print_verdict(console, Verdict(**(fields | given)), language)
    return text.getvalue()


def test_the_verdict_says_what_got_better_and_how_sure_that_is() -> None:
    scorecard = [
        scored("cycle", "better"),
        scored("conversion", "worse", unit="percent", change_ci_high=None),
        scored("level", "not_distinguishable"),
        scored("rising", "explained_by_trend"),
        scored("nothing", "no_data", before_value=None, after_value=None, change=None),
    ]
    english = told("en", scorecard=scorecard)
    assert "Verdict: the CRM pays off" in english
    assert "2024-05..2025-04 (before the go-live on 2025-05-01) with 2025-11..2026-10" in english
    assert (
        "Cycle: 23.20 -> 17.10 days, a change of −6.10 (−26.30 %); with 95 % confidence it is "
        "between −10.40 and −1.90 days" in english
    )
    assert "Worse:\n  - Conversion: 23.20 -> 17.10 %, a change of −6.10 points" in english
    assert "Not statistically distinguishable: Level." in english
    assert "was changing the same way before the go-live:\n  - Rising" in english
    assert "too little data or none: Nothing." in english
    assert "of 8 families of metrics 4 are better, 1 worse, 3 unchanged" in english
    assert "with a probability of 18.75 %" in english

    russian = told("ru", scorecard=scorecard)
    assert "Вывод: CRM приносит пользу" in russian
    assert "Показатель cycle: 23,20 -> 17,10 дн., изменение −6,10 (−26,30 %)" in russian
    assert "с вероятностью 18,75 %" in russian


def test_money_is_arithmetic_and_says_so() -> None:
    text = told("en", roi=ROI)
    assert "1,000,000 -> 1,300,000 RUB (+300,000)" in text
    assert "by number of leads +100,000, by conversion +250,000, by deal size −50,000" in text
    assert "+240,000 RUB a month. The costs of the CRM were paid back in 2025-09." in text
    assert "not proof that the CRM is the cause" in text
    assert "не доказательство" in told("ru", roi=ROI)
    unpaid = told("en", roi=ROI | {"net_effect": -5.0, "payback_month": None})
    assert "not paid back yet" in unpaid
    without_costs = told("en", roi=ROI | {"net_effect": None, "payback_month": None})
    assert "paid back" not in without_costs
    assert "not proof" in without_costs


def test_what_to_do_next_are_the_five_gravest_findings() -> None:
    findings = [
        *(finding(f"m{place}", "medium", 90 - place) for place in range(4)),
        finding("grave", "high", 24.68),
        finding("small", "low", 99),
    ]
    findings = sorted_findings(findings)
    text = told("en", findings=findings)
    assert "1. [important] Name of grave: 1,234 of 5,000 (24.68 %). Do this." in text
    assert "5. [worth doing] Name of m3" in text
    assert "small" not in text
    assert "6 findings in all" in text
    assert "1. [важно] Название grave: 1\N{NO-BREAK SPACE}234 из" in told("ru", findings=findings)
    assert "nothing wrong" in told("en", findings=[])
    assert "nothing wrong" not in told("en", findings=None)


def test_too_little_data_is_said_without_a_word_on_luck() -> None:
    nothing = dict.fromkeys(("before_from", "before_last_month", "after_from", "after_last_month"))
    text = told(
        "en",
        verdict=verdict_row(
            "not_enough_data",
            **nothing,
            families_with_data=0,
            families_better=0,
            chance_under_no_effect=None,
        ),
    )
    assert "Verdict: not enough data to judge" in text
    assert "check the var crm_go_live_date" in text
    assert "probability" not in text


def test_differing_seasons_and_measurements_by_hand_are_said() -> None:
    scorecard = [
        scored("cycle", "better", warning="different_seasons"),
        scored("response", "better", before_source="manual", warning="measured_by_hand"),
    ]
    text = told("en", scorecard=scorecard)
    assert "part of the change may be seasonal" in text
    assert "(before was measured by hand)" in text


def test_marts_of_an_older_version_have_no_verdict() -> None:
    assert told("en", verdict=None) == ""


def test_the_demo_portal_ends_with_the_verdict(demo_portal: Built) -> None:
    answer = demo_portal.run("report", "--lang", "ru")
    assert "Вывод: " in answer.stdout
    assert "Что делать дальше:" in answer.stdout
    lines = [
        json.loads(line)
        for line in demo_portal.run("--log-format", "json", "report").stdout.splitlines()
    ]
    assert sum(line["event"] == "scorecard" for line in lines) == 10
    assert lines[-1]["event"] == "verdict"
