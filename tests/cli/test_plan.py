"""What a company can know before it has a CRM, and how long it takes to know the rest."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from bitrix24_effectiveness.journal.reading import Journal
from bitrix24_effectiveness.plan.reckoning import (
    Known,
    break_even,
    known_of_months,
    known_of_numbers,
    months_of,
    power_by_window,
    powers_of,
)
from bitrix24_effectiveness.project import Project
from browser import browser, chromium, opened
from effect_models import Effects, periods
from effect_models import months_of as effect_months
from running import REPOSITORY, Answer, long, run_command

PROJECT = Project(REPOSITORY, {})

NUMBERS = ("--leads", "200", "--win-rate", "12", "--deal", "50000")


def asked(folder: Path, *arguments: str, **env: str) -> Answer:
    seeds = {"CRM_SEEDS_DIR": "", "LC_ALL": "C.UTF-8", "CRM_JOURNAL_DIR": ""}
    return run_command(*arguments, env=seeds | env, cwd=folder)


def told(folder: Path, *arguments: str, given: str = "{}") -> dict[str, Any]:
    answer = asked(folder, "--vars", given, "plan", "--format", "json", *arguments)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


# -- the arithmetic, by hand


def test_what_pays_for_a_year_by_itself() -> None:
    # 100 enquiries a month, 10 % won at 1000, of which half is margin: 60 000 a year
    even = break_even(6000, 100, 10, 1000, 0.5, 22)
    # a point is 12 deals of 500 each
    assert even.conversion_points == pytest.approx(1)
    assert even.deals == pytest.approx(12)
    # 120 deals, each larger by 100, of which half is margin
    assert even.deal_size == pytest.approx(100)
    # an enquiry a month is 1.2 deals a year, or 600
    assert even.leads_a_month == pytest.approx(10)
    # a tenth more deals with as many in hand: 22 days become 20
    assert even.cycle_days == pytest.approx(2)


def test_a_win_rate_has_at_least_the_spread_of_chance() -> None:
    known = known_of_numbers(100, 20, 1000)
    # 0.2 x 0.8 / 100, in points
    assert known["conversion"].variance_of_a_month == pytest.approx(16)
    assert known["conversion"].is_least
    assert known["average_deal_size"].variance_of_a_month is None


def test_the_spread_of_months_is_that_of_a_ratio_of_their_sums() -> None:
    months = [
        ("conversion", date(2025, 1, 1), 1.0, 10.0, 100),
        ("conversion", date(2025, 2, 1), 3.0, 10.0, 100),
        ("conversion", date(2025, 3, 1), 2.0, 10.0, 100),
    ]
    known = known_of_months(months, 3)["conversion"]
    # residuals -1, 1, 0: 3 / 2 x 2 / 30^2 is the variance of the ratio, three times that of a month
    assert known.variance_of_a_month == pytest.approx(100**2 * 3 * 1.5 * 2 / 900)
    assert (known.value, known.months) == (pytest.approx(20), 3)
    assert known.autocorrelation == pytest.approx(-0.5)
    assert known_of_months(months[:2], 3)["conversion"].variance_of_a_month is None


@long
@pytest.mark.parametrize("noise", [0.0, 0.3, 0.6, 1.0, 3.0])
def test_the_months_are_those_that_the_scorecard_would_ask_for(
    effects: Effects, noise: float
) -> None:
    signs = (1, 1, -1, 0, 1, -1, -1, 0, 1, 1, -1, -1)
    series = {place + 4: (12 + noise * sign, 100.0) for place, sign in enumerate(signs)}
    inputs = {
        "int_periods": periods(4, 15),
        "int_effect_months": effect_months("conversion", series),
        "int_run_settings": [{"as_of_at": datetime(2025, 5, 1), "base_currency": "RUB"}],
        "int_data_span": [{"first_month": date(2024, 1, 1), "last_date": date(2025, 5, 1)}],
    }
    rows = effects.rows("int_effect_estimates", inputs)
    (row,) = (row for row in rows if row["metric_code"] == "conversion")
    months = [("conversion", number, *pair, 100) for number, pair in series.items()]
    metric = known_of_months(months, 3)["conversion"]
    found = power_by_window(metric, 0.2 * row["before_value"], PROJECT)
    (after,) = (needed for window, needed, _ in found if window == 12)
    assert (after if after is None else max(math.ceil(after), 3)) == row["months_needed"]


def test_a_goal_that_is_larger_takes_fewer_months() -> None:
    known = {"conversion": Known(12, 12, 16.0)}
    (twenty,) = powers_of(known, {}, PROJECT)
    (fifty,) = powers_of(known, {"conversion": 50}, PROJECT)
    assert twenty.months is not None
    assert fifty.months is not None
    assert fifty.months < twenty.months
    assert (twenty.is_goal, fifty.is_goal) == (False, True)
    # one month is skipped after go-live, and the last leads have 90 days
    assert fifty.months_until_told == fifty.months + 1 + 3


def test_what_can_never_be_told_is_said_to_be_so() -> None:
    (power,) = powers_of({"conversion": Known(1, 12, 100.0)}, {}, PROJECT)
    assert (power.months, power.months_until_told) == (None, None)


# -- of a journal


def journal(months: int) -> Journal:
    """Per month four enquiries, one of them won after ten days and one after 100, by one client."""
    found = Journal({"journal_deals": [], "journal_requests": []})
    for number in range(months):
        for place in range(4):
            first = date(2024 + number // 12, number % 12 + 1, place + 1)
            days = (10, 100, 20, 20)[place]
            found.rows["journal_deals"].append(
                dict.fromkeys(
                    column.name for column in PROJECT.journal_tables["journal_deals"].columns
                )
                | {
                    "deal_no": f"{number}-{place}",
                    "client": "One",
                    "first_contact_date": str(first),
                    "closed_date": str(first + timedelta(days=days)),
                    "result": "won" if place < 2 else "lost",
                    "amount": "100.5",
                }
            )
    return found


def test_a_month_of_a_journal_counts_once_its_rows_have_had_their_time() -> None:
    rows = months_of(journal(12), PROJECT, date(2025, 1, 1))
    counted: dict[str, list[tuple[date, float, float]]] = {}
    for code, month, numerator, denominator, _ in rows:
        counted.setdefault(code, []).append((month, numerator, denominator))
    # won within 90 days: one of four; the last months are too young
    assert counted["conversion"][0] == (date(2024, 1, 1), 1, 4)
    assert counted["conversion"][-1][0] == date(2024, 9, 1)
    # both wins lie within 180 days
    assert counted["sales_cycle"][0] == (date(2024, 1, 1), 110, 2)
    assert counted["sales_cycle"][-1][0] == date(2024, 6, 1)
    assert counted["average_deal_size"][0] == (date(2024, 1, 1), 100.5, 1)


# -- the command


def test_three_numbers_are_enough(tmp_path: Path) -> None:
    plan = told(tmp_path, *NUMBERS, "--cost-a-year", "600000")
    # 2 more of 200 enquiries a month at 50 000 each
    assert plan["point_a_year"] == pytest.approx(12 * 2 * 50_000)
    assert plan["break_even"]["conversion_points"] == pytest.approx(0.5)
    assert set(plan["known"]) == {"conversion", "average_deal_size"}
    (power,) = plan["powers"]
    assert power["metric_code"] == "conversion"


def test_money_is_margin_where_the_margin_is_known(tmp_path: Path) -> None:
    plan = told(tmp_path, *NUMBERS, given="{gross_margin_rate: 0.4}")
    assert plan["point_a_year"] == pytest.approx(0.4 * 12 * 2 * 50_000)


def test_what_was_not_said_is_named_where_nobody_can_be_asked(tmp_path: Path) -> None:
    answer = asked(tmp_path, "plan", "--leads", "200", "--lang", "en")
    assert answer.returncode == 2
    assert "Give --win-rate" in answer.stderr


@pytest.mark.parametrize("wrong", [("--win-rate", "100"), ("--win-rate", "0"), ("--deal", "-1")])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    answer = asked(tmp_path, "plan", *NUMBERS, *wrong)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("language", "metric", "goal"),
    [
        ("en", "Conversion to deal, your goal, a change by 50%", "months of records before"),
        ("ru", "Конверсия в сделку, ваша цель — изменение на 50 %", "записей до внедрения"),
    ],
)
def test_the_plan_names_goals_and_what_must_still_be_written_down(
    tmp_path: Path, language: str, metric: str, goal: str
) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "goals.csv").write_text(
        "metric_code,target_value,target_change_pct,target_date\nconversion,18,,2027-01-01\n"
    )
    answer = asked(tmp_path, "plan", *NUMBERS, "--lang", language, CRM_SEEDS_DIR=str(seeds))
    assert answer.returncode == 0, answer.stderr
    text = " ".join(answer.stdout.replace("\N{NO-BREAK SPACE}", " ").split())
    assert metric in text
    assert goal in text
    assert "crm-effect journal init" in text
    assert "costs.csv" in text


def test_the_plan_is_written_as_a_page_in_both_languages(tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    answer = asked(tmp_path, "plan", *NUMBERS, "--lang", "en", "--page", str(page))
    assert answer.returncode == 0, answer.stderr
    html = unescape(page.read_text("utf-8"))
    for part in answer.stdout.split("\n\n")[:-1]:
        title = part.split("\n")[0]
        assert f">{title}</h2>" in html
    assert ">До внедрения CRM</h1>" in html
    # a page of ours is replaced, what else is there is not
    assert asked(tmp_path, "plan", *NUMBERS, "--page", str(page)).returncode == 0
    page.write_text("my notes")
    answer = asked(tmp_path, "plan", *NUMBERS, "--page", str(page))
    assert (answer.returncode, page.read_text()) == (2, "my notes")


@long
def test_the_page_of_the_plan_stands_on_a_phone(tmp_path: Path) -> None:
    if chromium() is None:
        pytest.skip("no chromium")
    path = tmp_path / "plan.html"
    answer = asked(tmp_path, "plan", *NUMBERS, "--cost-a-year", "600000", "--page", str(path))
    assert answer.returncode == 0, answer.stderr
    with browser() as started, opened(started, path, "phone") as page:
        for code in ("ru", "en"):
            page.click(f"[data-show={code}]")
            assert page.locator("main:visible").get_attribute("lang") == code
            assert page.locator("main:visible section").count() >= 5
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.faults == []
