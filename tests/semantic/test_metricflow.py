"""The semantic layer says what the marts say, and answers what they do not hold."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from running import REPOSITORY, Built, linked_checkout, long

pytestmark = long

pytest.importorskip("dbt_metricflow", reason="pip install -e '.[semantic]'")

Cells = dict[tuple[str, ...], dict[str, float | None]]


@dataclass(frozen=True)
class Layer:
    """A checkout that knows what was published of the demo portal."""

    folder: Path
    marts: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        env = {
            "CRM_TARGET": "published",
            "CRM_MARTS_DB": str(self.marts),
            # `mf` looks for the manifest there and nowhere else
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        answer = subprocess.run(
            [sys.executable, "-c", f"from {command[0]} import cli; cli()", *command[1:]],
            cwd=self.folder,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    def query(self, metrics: list[str], by: list[str]) -> Cells:
        """Figures by what they are grouped by; each cell once."""
        out = self.folder / "answer.csv"
        out.unlink(missing_ok=True)
        self.run(
            *("dbt_metricflow.cli.main", "query", "--quiet", "--csv", str(out)),
            *("--metrics", ",".join(metrics), "--group-by", ",".join(by)),
        )
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found: Cells = {}
        for row in rows:
            key = tuple(_key(row[name]) for name in by)
            assert key not in found
            found[key] = {name: _number(row[name]) for name in metrics}
        return found


def _key(text: str) -> str:
    # a day is written with the time of its beginning
    return text.removesuffix(" 00:00:00").removesuffix("T00:00:00")


def _number(text: str) -> float | None:
    return None if text in ("", "None", "nan", "NaN") else float(text)


@pytest.fixture(scope="module")
def layer(demo_portal: Built, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    folder = linked_checkout(tmp_path_factory.mktemp("semantic") / "checkout")
    found = Layer(folder, demo_portal.project.marts_db)
    found.run("dbt.cli.main", "--quiet", "parse")
    return found


@pytest.fixture(scope="module")
def ask(layer: Layer) -> Callable[[str], list[tuple]]:
    """Plain SQL over the same published tables."""

    def answer(query: str) -> list[tuple]:
        with duckdb.connect(str(layer.marts), read_only=True) as connection:
            return connection.execute(query).fetchall()

    return answer


HEADLINES = {
    "conversion": "conversion_pct",
    "response_time": "avg_response_minutes",
    "retention": "retention_rate_pct",
    "churn": "churn_rate_pct",
    "cac": "cac",
    "sales_cycle": "avg_cycle_days",
    "ltv": "ltv",
    "average_deal_size": "average_deal_size",
    "automation_level": "automation_level_pct",
    "lost_sales": "lost_sales",
}
OF_FACTS = ("conversion", "response_time", "sales_cycle", "average_deal_size")
OF_MARTS = tuple(code for code in HEADLINES if code not in OF_FACTS)

# segment type -> what MetricFlow calls it where a metric of the facts has it
MEMBERS = {
    "channel": dict.fromkeys(OF_FACTS, "channel"),
    "employee": dict.fromkeys(OF_FACTS, "employee"),
    "pipeline": dict.fromkeys(("sales_cycle", "average_deal_size"), "pipeline"),
    "client_type": dict.fromkeys(("sales_cycle", "average_deal_size"), "deal__client_type"),
    "request_channel": {"response_time": "request__request_channel"},
}


def _is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def differences(code: str, metric: str, found: Cells, mart: dict[tuple[str, ...], float | None]):
    """Cells in which a metric is not what its mart says; a cell without a row has no figure."""
    empty: dict[str, float | None] = {metric: None}
    return {
        (code, *cell): (mart.get(cell), found.get(cell, empty)[metric])
        for cell in mart.keys() | found.keys()
        if not _is_same(mart.get(cell), found.get(cell, empty)[metric])
    }


def mart_cells(ask: Callable, code: str, segment_type: str) -> dict[tuple[str, ...], float | None]:
    rows = ask(
        "select cast(period_start as varchar), segment_id, value from marts.metric_values "
        f"where metric_code = '{code}' and period_grain = 'month' "
        f"and segment_type = '{segment_type}'"
    )
    return {(month, member): value for month, member, value in rows}


def test_months_of_the_company_are_those_of_the_marts(layer: Layer, ask: Callable) -> None:
    found = layer.query(list(HEADLINES.values()), ["metric_time__month"])
    for code, metric in HEADLINES.items():
        mart = {(month,): value for (month, _), value in mart_cells(ask, code, "all").items()}
        assert sum(value is not None for value in mart.values()) > 10
        assert differences(code, metric, found, mart) == {}


@pytest.mark.parametrize("segment_type", MEMBERS)
def test_months_of_a_segment_are_those_of_the_marts(
    layer: Layer, ask: Callable, segment_type: str
) -> None:
    members = MEMBERS[segment_type]
    (name,) = set(members.values())
    found = layer.query([HEADLINES[code] for code in members], ["metric_time__month", name])
    for code in members:
        mart = mart_cells(ask, code, segment_type)
        assert sum(value is not None for value in mart.values()) > 20
        assert differences(code, HEADLINES[code], found, mart) == {}


def test_figures_of_marts_have_their_segments(layer: Layer, ask: Callable) -> None:
    metrics = [f"{HEADLINES[code]}_by_segment" for code in OF_MARTS]
    by = ["metric_value__segment_type", "metric_time__month", "metric_value__segment_id"]
    found = layer.query(metrics, by)
    for code, metric in zip(OF_MARTS, metrics, strict=True):
        types = ask(
            "select distinct segment_type from marts.metric_values "
            f"where metric_code = '{code}' and segment_type <> 'all'"
        )
        assert types
        mart = {
            (one, *cell): value
            for (one,) in types
            for cell, value in mart_cells(ask, code, one).items()
        }
        assert differences(code, metric, found, mart) == {}


def test_what_no_mart_holds_week_by_channel_by_employee(layer: Layer, ask: Callable) -> None:
    metrics = ["leads", "closed_deals", "revenue", "conversion_pct", "average_deal_size"]
    found = layer.query(metrics, ["metric_time__week", "channel", "employee"])
    # written without MetricFlow, and in another way: each row by itself, then summed
    rows = ask(
        """
        with events as (
            select created_date as day, channel_id, employee_id, 1 as lead, 0 as won, 0 as amount
            from marts.fct_demand_units where not is_excluded
            union all
            select won_date, channel_id, employee_id, 0, 1, amount
            from marts.fct_deals where state = 'won'
        )
        select cast(day - cast(isodow(day) - 1 as integer) as varchar), channel_id, employee_id,
            sum(lead), sum(won), sum(amount)
        from events group by all
        """
    )
    expected = {row[:3]: row[3:] for row in rows}
    assert len(expected) > 200
    # a week in which nothing but excluded leads came has a row of nothing here
    assert {key for key, cell in found.items() if cell["leads"] or cell["closed_deals"]} == set(
        expected
    )
    for key, (leads, won, revenue) in expected.items():
        cell = found[key]
        assert (cell["leads"], cell["closed_deals"]) == (leads, won), key
        assert cell["revenue"] == pytest.approx(float(revenue)), key
        assert _is_same(cell["conversion_pct"], 100 * won / leads if leads else None), key
        assert _is_same(cell["average_deal_size"], float(revenue) / won if won else None), key


def test_names_of_members_come_from_the_dimensions(layer: Layer, ask: Callable) -> None:
    found = layer.query(["requests"], ["employee__department_name", "calendar_day__is_working_day"])
    expected = ask(
        "select coalesce(department_name, ''), cast(is_working_day as varchar), count(*) "
        "from marts.fct_requests inner join marts.dim_employees using (employee_id) "
        "inner join marts.dim_dates on requested_date = date_day group by all"
    )
    assert {
        (key[0].replace("None", ""), key[1].lower()): cell["requests"]
        for key, cell in found.items()
    } == {(department, is_working): count for department, is_working, count in expected}


def test_metrics_that_do_not_fit_a_dimension_are_refused(layer: Layer) -> None:
    with pytest.raises(AssertionError, match="pipeline"):
        layer.query(["conversion_pct"], ["metric_time__month", "pipeline"])


def test_everything_is_named_in_both_languages() -> None:
    import yaml

    for file in (REPOSITORY / "models/semantic").glob("*.yml"):
        document = yaml.safe_load(file.read_text("utf-8"))
        for node in [*document.get("metrics", []), *document.get("semantic_models", [])]:
            assert " / " in node["description"], node["name"]
            assert any("а" <= letter <= "я" for letter in node["description"]), node["name"]
