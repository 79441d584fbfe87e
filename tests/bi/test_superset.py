"""The boards in a real Superset and a real browser: every chart answers, with figures of the marts.

Installing Superset takes minutes, so these run only where SUPERSET_TESTS is set: `make
test-superset`. Its environment stays in target/superset, and so do pictures of the boards.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from test_bi_docs import as_published, published_again, snippet

from running import REPOSITORY

pytestmark = pytest.mark.skipif(
    "SUPERSET_TESTS" not in os.environ, reason="minutes long: make test-superset"
)
sys.path.insert(0, str(REPOSITORY / "bi/superset"))
FOLDER = REPOSITORY / "target/superset"
LANGUAGES = ["en", "ru"]
BOARDS = ["overview", "acquisition", "service", "loyalty", "money", "people", "quality"]


@dataclass
class Served:
    """A Superset that answers, and its user."""

    url: str
    password: str
    marts: Path
    python: Path
    session: requests.Session = field(default_factory=requests.Session)

    def log_in(self) -> None:
        answer = self.session.post(
            f"{self.url}/api/v1/security/login",
            json={"username": "admin", "password": self.password, "provider": "db"},
            timeout=60,
        )
        answer.raise_for_status()
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        token = self.session.get(f"{self.url}/api/v1/security/csrf_token/", timeout=60)
        self.session.headers["X-CSRFToken"] = token.json()["result"]

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.url}/api/v1/{path}", timeout=60)
        answer.raise_for_status()
        return answer.json()["result"]

    def ask(self, query: dict[str, Any]) -> dict[str, Any]:
        """The answer to the first query of what a chart asked."""
        answer = self.session.post(f"{self.url}/api/v1/chart/data", json=query, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"][0]

    def published(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.marts), read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    from build import write
    from serve import Superset

    folder = tmp_path_factory.mktemp("superset")
    # SUPERSET_MARTS: another published file, to look at the boards by eye
    if another := os.environ.get("SUPERSET_MARTS"):
        marts = Path(shutil.copy(another, folder / "crm.duckdb"))
    else:
        marts = as_published(request.getfixturevalue("demo_portal"), folder)
    superset = Superset(FOLDER / "venv", folder / "home", os.environ.get("SUPERSET_LANGUAGE", "ru"))
    superset.install()
    superset.set_up()
    superset.take([write(each, f"duckdb:///{marts}", "marts", folder) for each in LANGUAGES])
    assert (superset.home / "password").stat().st_mode & 0o777 == 0o600
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            superset.serving(port), env=superset.env, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(120):
            try:
                if requests.get(f"{url}/health", timeout=30).ok:
                    break
            except requests.RequestException:
                assert process.poll() is None, (folder / "log").read_text("utf-8")[-3000:]
                time.sleep(1)
        password = (superset.home / "password").read_text("utf-8")
        one = Served(url, password, marts, superset.venv / "bin/python")
        one.log_in()
        yield one
    finally:
        process.terminate()
        process.wait(timeout=30)


@dataclass
class Seen:
    """What a browser saw of a board."""

    charts: dict[str, tuple[dict[str, Any], dict[str, Any]]]
    """By name of the chart: what it asked, and the answer."""
    faults: list[str]


@pytest.fixture(scope="module")
def seen(served: Served) -> dict[tuple[str, str], Seen]:
    """Every board opened in chromium, and what its charts asked and were told."""
    from browser import browser

    shots = FOLDER / "screenshots"
    shots.mkdir(parents=True, exist_ok=True)
    found = {}
    with browser() as started:
        # tall enough that every chart is in sight: Superset asks for those alone
        context = started.new_context(viewport={"width": 1440, "height": 2200})
        page = context.new_page()
        page.goto(f"{served.url}/login/")
        page.fill("#username", "admin")
        page.fill("#password", served.password)
        page.press("#password", "Enter")
        page.wait_for_url("**/superset/welcome/", timeout=60_000)
        answers: list[Any] = []
        page.on("response", lambda answer: answers.append(answer))
        outside: list[str] = []
        page.on(
            "requestfailed",
            lambda asked: "csp" in str(asked.failure) or outside.append(asked.url),
        )
        page.on("requestfinished", lambda asked: outside.append(asked.url))
        for code in BOARDS:
            for language in LANGUAGES:
                answers.clear()
                placed = served.get(f"dashboard/crm-{code}-{language}/charts")
                names = {chart["id"]: chart["slice_name"] for chart in placed}
                wanted = set(names.values())
                page.goto(f"{served.url}/superset/dashboard/crm-{code}-{language}/")
                board = Seen({}, [])
                for _ in range(120):
                    page.wait_for_timeout(500)
                    while answers:
                        answer = answers.pop(0)
                        if "/api/v1/chart/data" not in answer.url:
                            continue
                        asked = answer.request.post_data_json
                        # the members of a filter are asked for in the same way, by no chart
                        name = names.get(asked["form_data"].get("slice_id"))
                        if answer.status != 200:
                            board.faults.append(f"{name or 'a filter'}: {answer.text()}")
                        if name:
                            board.charts[name] = (asked, answer.json())
                    if set(board.charts) == wanted:
                        break
                # charts are drawn after their answer came
                page.wait_for_timeout(4000)
                page.screenshot(path=shots / f"{code}.{language}.png")
                board.faults += page.locator("[role=alert], .ant-alert").all_inner_texts()
                board.faults += [f"{name}: no answer" for name in wanted - set(board.charts)]
                board.faults += [
                    f"asked {url}"
                    for url in outside
                    if not url.startswith((served.url, "data:", "blob:"))
                ]
                found[code, language] = board
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", BOARDS)
def test_every_chart_of_a_board_answers_without_error(
    seen: dict[tuple[str, str], Seen], code: str, language: str
) -> None:
    board = seen[code, language]
    assert board.faults == []
    for name, (_, answer) in board.charts.items():
        for result in answer.get("result", [answer]):
            assert result.get("error") is None, (name, result)
            assert result.get("status") == "success", (name, result)


def numbers(seen: dict[tuple[str, str], Seen], code: str, chart: str, *columns: str) -> list[tuple]:
    """What a chart of the English board was told, in the columns asked for."""
    (_, answer) = seen[code, "en"].charts[chart]
    return [tuple(row[column] for column in columns) for row in answer["result"][0]["data"]]


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def test_totals_of_the_boards_are_those_of_the_metrics(
    served: Served, seen: dict[tuple[str, str], Seen]
) -> None:
    months = "period_grain = 'month' and segment_type = 'all'"
    totals = {
        ("acquisition", "Leads", "leads"): "sum(leads) from marts.metric_conversion",
        ("acquisition", "Won deals", "won_deals"): "sum(closed_deals) from marts.metric_conversion",
        (
            "acquisition",
            "Conversion: deals won ÷ leads created",
            "conversion",
        ): "sum(closed_deals) / sum(leads) from marts.metric_conversion",
        ("service", "Requests", "requests"): "sum(requests) from marts.metric_response_time",
        ("service", "Answered in time", "in_time"): "sum(requests_within_sla) / "
        "sum(requests_judged_sla) from marts.metric_response_time",
        ("service", "Not answered", "unanswered_share"): "sum(unanswered_requests) / sum(requests) "
        "from marts.metric_response_time",
        ("money", "Revenue", "revenue"): "sum(revenue) from marts.metric_average_deal_size",
        ("money", "Average deal size", "average_deal"): "sum(revenue) / sum(closed_deals) "
        "from marts.metric_average_deal_size",
        ("money", "Sales cycle, days", "cycle_days"): "sum(total_cycle_days) / sum(closed_deals) "
        "from marts.metric_sales_cycle",
    }
    for (code, chart, column), sql in totals.items():
        ((expected,),) = served.published(f"select {sql} where {months}")
        assert numbers(seen, code, chart, column) == [(near(float(expected)),)], chart
    ((cost, clients),) = served.published(
        f"select sum(acquisition_cost), sum(new_clients) from marts.metric_cac where {months} "
        "and value_status <> 'history_too_short'"
    )
    told = numbers(seen, "acquisition", "Cost of a new client", "cac")
    assert told == [(near(float(cost) / clients),)]


def test_months_of_the_boards_are_those_of_the_metrics(
    served: Served, seen: dict[tuple[str, str], Seen]
) -> None:
    """Also measures that are no sum: medians."""
    for code, chart, x, columns, table, expected in (
        ("service", "Minutes to the first answer by month", "requested_date",
         ("average_minutes", "median_minutes"), "metric_response_time",
         "avg_response_minutes, median_response_minutes"),
        ("loyalty", "Retention by month", "month_start", ("retention",), "metric_retention",
         "retention_rate_pct / 100"),
        ("loyalty", "Churn by month", "month_start", ("churn",), "metric_churn",
         "churn_rate_pct / 100"),
        ("money", "Average deal size by month", "closed_date", ("average_deal",),
         "metric_average_deal_size", "average_deal_size"),
        ("acquisition", "Conversion by month", "event_date", ("conversion",), "metric_conversion",
         "conversion_pct / 100"),
    ):  # fmt: skip
        told = {
            row[0]: row[1:] for row in numbers(seen, code, chart, x, *columns) if None not in row
        }
        published = served.published(
            f"select epoch_ms(cast(period_start as timestamp)), {expected} from marts.{table} "
            "where period_grain = 'month' and segment_type = 'all' "
            "and value_status not in ('too_early', 'history_too_short')"
        )
        rows = {row[0]: row[1:] for row in published if None not in row}
        assert len(rows) > 12, chart
        assert {month: told.get(month) for month in rows} == {
            month: tuple(near(float(value)) for value in row) for month, row in rows.items()
        }, chart


def test_cards_show_the_newest_month_that_can_be_told(
    served: Served, seen: dict[tuple[str, str], Seen]
) -> None:
    codes = {
        "Conversion to deal": ("conversion", "share", 100),
        "First response time, min": ("response_time", "value", 1),
        "Sales cycle, days": ("sales_cycle", "days", 1),
        "Lost sales": ("lost_sales", "value", 1),
        "Automation level": ("automation_level", "share", 100),
    }
    for chart, (metric, measure, scale) in codes.items():
        ((newest,),) = served.published(
            f"select last(value order by period_start) from marts.metric_values where "
            f"metric_code = '{metric}' and period_grain = 'month' and segment_type = 'all' "
            "and value_status = 'measured'"
        )
        *_, (told,) = numbers(seen, "overview", chart, measure)
        assert told == near(newest / scale), chart


def test_a_filter_by_channel_and_period_gives_the_figures_of_that_segment(
    served: Served, seen: dict[tuple[str, str], Seen]
) -> None:
    (query, _) = seen["acquisition", "en"].charts["Leads"]
    ((channel, leads),) = served.published(
        "select segment_name, sum(leads) from marts.metric_conversion where period_grain = 'month' "
        "and segment_type = 'channel' and segment_id = 'website' "
        "and year(period_start) = 2025 group by segment_name"
    )
    (asked,) = query["queries"]
    filters = [one for one in asked["filters"] if one["op"] != "TEMPORAL_RANGE"]
    filters.append({"col": "channel_name", "op": "IN", "val": [channel]})
    year = {"col": "event_date", "op": "TEMPORAL_RANGE", "val": "2025-01-01 : 2026-01-01"}
    answer = served.ask(query | {"queries": [asked | {"filters": [*filters, year]}]})
    assert answer["data"] == [{"leads": leads}]
    assert leads > 0


def test_a_new_publication_shows_without_a_restart(
    served: Served, seen: dict[tuple[str, str], Seen]
) -> None:
    (query, answer) = seen["acquisition", "en"].charts["Leads"]
    ((before,),) = ([row["leads"]] for row in answer["result"][0]["data"])
    published_again(
        served.marts,
        "delete from marts.fct_demand_units where created_date < date '2025-01-01'",
    )
    ((after,),) = served.published(
        "select count(*) from marts.fct_demand_units where not is_excluded"
    )
    assert served.ask(query)["data"] == [{"leads": after}]
    assert after < before


def test_what_superset_keeps_of_the_database_is_read_only(served: Served) -> None:
    (database,) = served.get("database/")
    extra = served.get(f"database/{database['id']}/connection")["extra"]
    assert '"read_only": true' in extra
    answer = served.session.post(
        f"{served.url}/api/v1/sqllab/execute/",
        json={"database_id": database["id"], "sql": "delete from marts.metric_values"},
        timeout=60,
    )
    assert answer.status_code >= 400
    assert served.published("select count(*) > 0 from marts.metric_values") == [(True,)]


def test_the_snippet_of_the_documentation_runs_in_supersets_environment_too(
    served: Served,
) -> None:
    """There it is SQLAlchemy 1.4 and duckdb-engine."""
    code = snippet("docs/bi.md").replace("data/crm.duckdb", str(served.marts))
    told = subprocess.run(
        [str(served.python), "-W", "ignore", "-c", f"{code}\nprint(len(months))"],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(told.stdout) > 12
