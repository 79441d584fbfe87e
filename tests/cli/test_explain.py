"""A figure is explained by numbers that can be looked up and that add up."""

from __future__ import annotations

import json
import re
from datetime import date

import duckdb
import pytest

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.explain import filled_in, parse_period, period_name
from oracle import SEGMENT_TYPES
from running import Answer, Built

CODES = tuple(SEGMENT_TYPES)


# -- periods


@pytest.mark.parametrize(
    ("text", "grain", "start"),
    [
        ("2026", "year", date(2026, 1, 1)),
        ("2026-Q1", "quarter", date(2026, 1, 1)),
        ("2026-q4", "quarter", date(2026, 10, 1)),
        ("2026-02", "month", date(2026, 2, 1)),
    ],
)
def test_a_period_is_a_year_a_quarter_or_a_month(text: str, grain: str, start: date) -> None:
    assert parse_period(text) == (grain, start)
    assert period_name(grain, start) == text.upper()


@pytest.mark.parametrize(
    "text", ["", "26", "2026-13", "2026-00", "2026-Q5", "2026-1", "2026-10-01", "0000", "October"]
)
def test_what_is_no_period_is_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write 2026, 2026-Q3 or 2026-10"):
        parse_period(text)


# -- formulas


def test_a_formula_is_filled_in_with_the_columns_and_nothing_else() -> None:
    values = {"closed_deals": 3, "leads": 12, "x": None}
    assert filled_in("closed_deals / leads x 100", {"closed_deals": 3, "leads": 12}, str) == (
        "3 / 12 x 100"
    )
    assert filled_in("(closed_deals + other)", values, str) == "(3 + other)"
    assert filled_in("leads", {"leads": None}, str) == "?"


# -- the demo portal


def fields(answer: Answer) -> dict:
    assert answer.returncode == 0, answer.stderr
    (line,) = map(json.loads, answer.stdout.splitlines())
    return line


@pytest.mark.parametrize("code", CODES)
def test_every_metric_can_be_explained(demo_portal: Built, run_here, code: str) -> None:
    found = fields(run_here("--log-format", "json", "explain", code))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{demo_portal.env['CRM_MARTS_DB']}' as crm (read_only)")
        value, start = connection.execute(
            "select value, strftime(period_start, '%Y-%m') from crm.marts.metric_values "
            "where metric_code = ? and segment_type = 'all' and period_grain = 'month' "
            "and is_complete order by period_start desc limit 1",
            [code],
        ).fetchone()
    assert (found["value"], found["period"]) == (value, start)
    text = run_here("explain", code, "--period", "2026-Q3", "--lang", "ru")
    assert text.returncode == 0
    assert "3 кв. 2026" in text.stdout
    assert "Формула: " in text.stdout


def test_the_rows_behind_a_figure_are_its_numerator_and_denominator(run_here) -> None:
    found = fields(run_here("--log-format", "json", "explain", "conversion", "--period", "2026"))
    won, leads = (behind["value"] for behind in found["rows"])
    assert (won, leads) == (found["numerator"], found["denominator"])
    assert found["with_numbers"] == f"{won} / {leads} x 100"
    found = fields(run_here("--log-format", "json", "explain", "response_time"))
    assert found["rows"][0]["value"] == found["denominator"]


@pytest.mark.parametrize("code", CODES)
def test_before_and_after_are_those_of_the_marts(demo_portal: Built, run_here, code: str) -> None:
    found = fields(run_here("--log-format", "json", "explain", code))
    with duckdb.connect(demo_portal.env["CRM_MARTS_DB"], read_only=True) as connection:
        windows = connection.execute(
            "select window_name, value, months from marts.metric_windows where metric_code = ?",
            [code],
        ).fetchall()
    assert {name: (value, months) for name, value, months in windows} == {
        name: (window["value"], window["months"]) for name, window in found["windows"].items()
    }
    # what moved it is told of the very months that were compared, and of nothing that is not judged
    is_judged = found["scorecard"]["status"] not in ("no_data", "not_comparable")
    assert is_judged or code not in ("conversion", "response_time", "lost_sales")
    assert bool(found["compared"]) is is_judged
    if not is_judged:
        assert found["contributions"] == {}
        return
    for span, name in zip(found["compared"], ("before", "after"), strict=True):
        first, last = (found["windows"][name][key] for key in ("first_month", "last_month"))
        assert span == f"{first[:7]}..{last[:7]}"


@pytest.mark.parametrize("period", ["2026-09", "2026-Q3", "2025", None])
@pytest.mark.parametrize("code", CODES)
def test_the_rows_named_give_the_numbers_of_the_formula(
    demo_portal: Built, run_here, code: str, period: str | None
) -> None:
    chosen = ["--period", period] if period else []
    found = fields(run_here("--log-format", "json", "explain", code, *chosen))
    grain, start = parse_period(period or found["period"])
    with duckdb.connect(demo_portal.env["CRM_MARTS_DB"], read_only=True) as connection:
        connection.execute("use marts")
        columns = ", ".join(row["gives"] for row in found["rows"])
        expected = connection.execute(
            f"select {columns} from metric_{code} where segment_type = 'all' "
            "and period_grain = ? and period_start = ?",
            [grain, start],
        ).fetchone()
        for row, number in zip(found["rows"], expected, strict=True):
            ((asked,),) = connection.execute(row["query"]).fetchall()
            assert float(asked or 0) == pytest.approx(float(number)), row
            assert float(row["value"]) == pytest.approx(float(number)), row


def computed(text: str) -> float:
    """What a line of figures gives by itself."""
    return eval(text.replace("×", "*").replace(",", ""), {"__builtins__": {}})


@pytest.mark.parametrize("period", ["2026-09", "2025"])
@pytest.mark.parametrize("code", CODES)
def test_the_printed_factors_give_the_printed_result(run_here, code: str, period: str) -> None:
    lines = run_here("explain", code, "--period", period, "--lang", "en").stdout.splitlines()
    (place,) = (place for place, line in enumerate(lines) if line.startswith("Formula: "))
    left, equals, right = lines[place + 1].rpartition(" = ")
    if equals:
        assert computed(left) == pytest.approx(computed(right), rel=2e-6, abs=0.005)
    else:
        assert lines[1].startswith("Nothing can be said about this period: ")


@pytest.mark.parametrize("code", CODES)
def test_the_windows_printed_can_be_computed_again(run_here, code: str) -> None:
    shown = run_here("explain", code, "--lang", "en").stdout.splitlines()
    windows = [line for line in shown if re.match("  (before|after), .* months?: ", line)]
    is_compared = not any("cannot be compared: " in line for line in shown)
    assert is_compared or code not in ("conversion", "response_time", "lost_sales")
    assert len(windows) == (2 if is_compared else 0)
    for line in windows:
        left, _, right = line.rpartition(": ")[2].rpartition(" = ")
        assert computed(left) == pytest.approx(computed(right), rel=2e-6, abs=0.005)


def test_the_price_of_a_client_is_split_into_marketing_and_crm(run_here) -> None:
    asked = ("explain", "cac", "--period", "2026")
    found = fields(run_here("--log-format", "json", *asked))
    parts = found["contributions"]["cost_type"]
    assert set(parts) == {"marketing", "crm"}
    earlier = fields(run_here("--log-format", "json", "explain", "cac", "--period", "2025"))
    assert sum(parts.values()) == pytest.approx(found["value"] - earlier["value"])
    text = run_here(*asked, "--lang", "en").stdout
    assert "What moved it by kind of cost: " in text
    assert "\nthe CRM " in text


def test_a_year_without_a_figure_is_compared_with_nothing(run_here) -> None:
    # 2024 begins too shortly after the beginning of the data
    text = run_here("explain", "cac", "--period", "2025", "--lang", "en").stdout
    assert "Nothing can be said about a change: a year earlier" in text
    assert "What moved it" not in text


def test_a_period_without_a_figure_says_that_nothing_can_be_said(run_here) -> None:
    text = run_here("explain", "retention", "--period", "2023-12", "--lang", "en").stdout
    assert "Nothing can be said about this period: too close to the beginning of the data." in text


@pytest.mark.parametrize("code", CODES)
def test_in_russian_no_status_or_segment_is_left_in_english(run_here, code: str) -> None:
    for chosen in ([], ["--period", "2023-12"], ["--period", "2025"]):
        said = run_here("explain", code, *chosen, "--lang", "ru").stdout
        # SQL and names of columns are the same in every language
        lines = [line for line in said.splitlines() if "select " not in line]
        (formula,) = (place for place, line in enumerate(lines) if line.startswith("Формула"))
        words = re.findall("[a-z]{2,}", " ".join(lines[:formula] + lines[formula + 2 :]))
        assert set(words) <= {code, *code.split("_")}, words


def test_channels_and_employees_explain_all_of_a_change(run_here) -> None:
    found = fields(run_here("--log-format", "json", "explain", "conversion", "--period", "2026"))
    assert found["compared"] == ["2025", "2026"]
    earlier = fields(run_here("--log-format", "json", "explain", "conversion", "--period", "2025"))
    change = found["value"] - earlier["value"]
    for segment_type in ("channel", "employee"):
        parts = found["contributions"][segment_type]
        assert sum(parts.values()) == pytest.approx(change)


def test_without_an_earlier_year_there_is_nothing_to_compare_with(run_here) -> None:
    answer = run_here("explain", "conversion", "--period", "2023-12", "--lang", "en")
    assert "Nothing can be said about a change" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "error: no metric 'nothing': choose of conversion, response_time, "),
        (("cac", "--period", "2031"), "period 2031 is not in the data: it has 2023..2026"),
        (("cac", "--period", "May"), "error: no period 'May': write 2026, 2026-Q3 or 2026-10"),
    ],
)
def test_a_wrong_question_is_one_line(run_here, arguments: tuple[str, ...], message: str) -> None:
    answer = run_here("explain", *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""


def test_nothing_published_is_one_line(mini) -> None:
    answer = mini.run("explain", "cac")
    assert answer.returncode == 2
    assert "nothing is published" in answer.stderr


@pytest.fixture
def run_here(demo_portal: Built, mini):
    """Runs the command on the demo portal in this process: it is much quicker."""

    def run(*arguments: str) -> Answer:
        marts = {"CRM_MARTS_DB": demo_portal.env["CRM_MARTS_DB"]}
        return mini.run(*arguments, **marts)

    return run
