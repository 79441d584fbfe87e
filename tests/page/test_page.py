"""The page in a real browser: it says what the marts say, to everybody and without a request."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import load_workbook

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.page import page_path, write_page
from bitrix24_effectiveness.page.formats import write_pdf, write_workbook
from bitrix24_effectiveness.project import Project
from running import REPOSITORY, Built, long, sample

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from browser import browser, chromium, opened

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no chromium")

SHOTS = REPOSITORY / "target/screenshots"


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def marts(demo_portal: Built, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo's published marts in a folder of their own, which may be written to."""
    return copied(demo_portal, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def demo_page(marts: Project) -> Path:
    return write_page(marts, "ru")


def copied(built: Built, folder: Path) -> Project:
    file = folder / "crm.duckdb"
    shutil.copy(built.project.marts_db, file)
    file.chmod(0o600)
    return replace(
        built.project, environment=built.project.environment | {"CRM_MARTS_DB": str(file)}
    )


def rows(project: Project, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(project.marts_db), read_only=True) as connection:
        connection.execute("use marts")
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# -- what is written, read again by other means than those that wrote it


def number_of(text: str) -> tuple[float, float]:
    """The number that a Russian reads, and half of its last digit."""
    # of a change, its share of what was there stands in brackets
    text = text.partition(" (")[0]
    text = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")
    hours = re.fullmatch(r"([+-]?)(\d[\d ]*) ч (\d+) мин", text)
    if hours:
        minutes = int(hours[2].replace(" ", "")) * 60 + int(hours[3])
        return (-minutes if hours[1] == "-" else minutes), 0.5
    found = re.match(r"[+-]?\d[\d ]*(?:,\d+)?", text)
    assert found, text
    digits = found[0].replace(" ", "").replace(",", ".")
    places = len(digits.partition(".")[2])
    return float(digits), 0.5 * 10**-places


def says(text: str, value: float | Decimal | None) -> bool:
    if value is None:
        return not re.search(r"\d", text)
    number, half = number_of(text)
    return abs(number - float(value)) <= half * 1.0001


def table(page: Page, name: str) -> list[list[str]]:
    return page.evaluate(
        "name => [...document.querySelectorAll(`main:not([hidden]) [data-table=${name}] tbody tr`)]"
        ".map(row => [...row.cells].map(cell => cell.innerText.trim()))",
        name,
    )


# -- the demo


def test_the_page_asks_no_host_and_complains_of_nothing(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        page.click("[data-show=en]")
        page.click("main:not([hidden]) summary >> nth=0")
        assert page.faults == []
    assert demo_page.stat().st_size < 3_000_000


def test_cards_say_what_the_scorecard_says(
    started: Browser, demo_page: Path, marts: Project
) -> None:
    scorecard = rows(marts, "select * from crm_scorecard")
    assert len(scorecard) == 10
    with opened(started, demo_page) as page:
        for row in scorecard:
            card = page.locator(f"main:not([hidden]) [data-metric={row['metric_code']}]")
            assert card.locator("h3").inner_text() == row["name_ru"]
            for key in ("before", "after", "change"):
                value = row[f"{key}_value"] if key != "change" else row["change"]
                if key == "change" and row["status"] in ("no_data", "not_comparable"):
                    # what may not be compared has no change
                    value = None
                cells = card.locator(f"[data-cell={key}]").all_inner_texts()
                assert (
                    says(cells[0], value)
                    if cells
                    else row["before_value"] is row["after_value"] is None
                )
            if row["change_ci_low"] is not None and row["status"] not in (
                "no_data",
                "not_comparable",
            ):
                low, high = card.locator(".range b").inner_text().split(" … ")
                assert says(low, row["change_ci_low"])
                assert says(high, row["change_ci_high"])
            goal = card.locator("[data-cell=goal]").all_inner_texts()
            assert len(goal) == (row["goal_status"] != "no_goal")
            if goal:
                status = {"met": "достигнута", "missed": "не достигнута"}
                assert goal[0].startswith("Цель: ")
                assert goal[0].endswith(f": {status.get(row['goal_status'], 'пока не достигнута')}")
    assert {row["goal_status"] for row in scorecard} == {"met", "missed", "on_the_way", "no_goal"}


def test_months_say_what_metric_values_say(
    started: Browser, demo_page: Path, marts: Project
) -> None:
    compared = 0
    with opened(started, demo_page) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        for code in ("conversion", "response_time", "cac", "lost_sales"):
            values = rows(
                marts,
                f"select * from metric_values where metric_code = '{code}' "
                "and segment_type = 'all' and period_grain = 'month' order by period_start",
            )
            cells = page.evaluate(
                "code => [...document.querySelectorAll(`main:not([hidden]) "
                "[data-metric=${code}] .tall tbody tr`)]"
                ".map(row => [...row.cells].map(cell => cell.innerText.trim()))",
                code,
            )
            assert [cell[0] for cell in cells] == [f"{row['period_start']:%m.%Y}" for row in values]
            for row, (_, value, _) in zip(values, cells, strict=True):
                assert says(value, row["value"])
                compared += 1
            newest = [row for row in values if row["is_complete"]][-1]
            shown = page.locator(
                f"main:not([hidden]) [data-metric={code}] [data-cell=newest]"
            ).inner_text()
            assert says(shown, newest["value"])
    assert compared > 50


def test_tables_below_say_what_the_marts_say(
    started: Browser, demo_page: Path, marts: Project
) -> None:
    with opened(started, demo_page) as page:
        channels = {row[0]: row[1:] for row in table(page, "channels")}
        for row in rows(
            marts,
            "select * from metric_cac where segment_type = 'channel' and period_grain = 'year' "
            "and new_clients > 0 and period_start = (select max(period_start) from metric_cac "
            "where period_grain = 'year' and is_complete)",
        ):
            name = "не указано" if row["segment_name"] == "Unknown" else row["segment_name"]
            clients, cac, ltv, ratio, _ = channels.pop(name)
            assert says(clients, row["new_clients"])
            assert says(cac, row["cac"])
            assert says(ltv, row["ltv"])
            assert says(ratio, row["ltv_to_cac"])
        assert channels == {}
        employees = table(page, "employees")
        kpi = rows(
            marts,
            "select * from employee_kpi where period_grain = 'quarter' and period_start = "
            "(select max(period_start) from employee_kpi where period_grain = 'quarter' "
            "and is_complete) and requests + tasks_due + leads + deals_won > 0 "
            "order by deals_won desc, requests desc, employee_id",
        )
        for row, cells in zip(kpi, employees, strict=True):
            expected = (
                "requests",
                "avg_response_minutes",
                "within_sla_pct",
                "tasks_done_in_time_pct",
                "leads",
                "deals_won",
                "conversion_pct",
                "revenue",
            )
            for key, cell in zip(expected, cells[1:], strict=True):
                assert says(cell, row[key]), key
        shares = (
            "demand_touched_pct", "deals_with_activity_pct", "within_sla_pct",
            "employees_at_work_pct", "tasks_done_in_time_pct", "automation_level_pct",
        )  # fmt: skip
        months = rows(
            marts,
            "select * from crm_adoption where segment_type = 'all' and is_complete "
            "order by month_start desc limit 12",
        )
        for row, cells in zip(reversed(months), table(page, "adoption-month"), strict=True):
            for key, cell in zip(shares, cells[1:], strict=True):
                assert says(cell, row[key]), key
        (lost,) = rows(
            marts,
            "select sum(lost_deals) as deals from metric_lost_sales where segment_type = 'all' "
            "and period_grain = 'month' and is_complete and period_start > "
            "(select max(period_start) - interval 12 month from metric_values "
            "where is_complete and period_grain = 'month')",
        )
        assert sum(number_of(row[1])[0] for row in table(page, "losses-reasons")) == lost["deals"]
        total, *tables = table(page, "quality")
        counts = rows(marts, "select * from raw_row_counts order by raw_table")
        for row, cells in zip(counts, tables, strict=True):
            assert cells[0] == row["raw_table"]
            for key, cell in zip(
                ("raw_rows", "staged_rows", "superseded_rows", "rejected_rows"),
                cells[1:],
                strict=True,
            ):
                assert says(cell, row[key] or 0)
        assert says(total[1], sum(row["raw_rows"] for row in counts))


def test_what_the_crm_has_brought_so_far_is_that_of_the_mart(
    started: Browser, marts: Project, demo_page: Path
) -> None:
    months = rows(marts, "select * from crm_roi_months order by month_start")
    parts = ("margin_so_far", "added_cost_so_far", "crm_cost_so_far", "net_effect_so_far")
    with opened(started, demo_page) as page:
        page.locator("section.verdict details:visible summary").click()
        shown = table(page, "so-far")
    assert len(shown) == len(months) > 12
    for line, month in zip(shown, months, strict=True):
        for text, part in zip(line[1:], parts, strict=True):
            assert says(text, month[part]), (line, part)


def test_the_switch_shows_the_other_language(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        assert page.locator("main:visible").get_attribute("lang") == "ru"
        assert page.locator("h1:visible").inner_text().startswith("Вывод: ")
        page.focus("[data-show=en]")
        page.keyboard.press("Enter")
        assert page.locator("main:visible").get_attribute("lang") == "en"
        assert page.locator("h1:visible").inner_text().startswith("Verdict: ")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.title().startswith("CRM effectiveness")
        english = page.locator("main:visible").inner_text()
    # names of the portal are Russian: channels, stages, people
    kept = re.findall(r"(?m)^.*(?:Вывод|улучшение|Сравнива|мес\.|Подробнее).*$", english)
    assert kept == []


@pytest.mark.parametrize("code", ["ru", "en"])
def test_nothing_is_shown_by_the_key_of_its_words(
    started: Browser, demo_page: Path, code: str
) -> None:
    with opened(started, demo_page) as page:
        page.click(f"[data-show={code}]")
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        text = page.locator("main:visible").inner_text()
    shown = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", text))
    # names of vars, of raw tables and of what was wrong with their columns
    tables = set(re.findall(r"\b(?:crm|openline|telephony)_[a-z_]+\b", text))
    # and what a finding's rows are known by
    records = {word for word in shown if re.fullmatch(r"[a-z]+_\d+", word)}
    assert {word for word in shown - tables - records if re.match(r"[a-z]+_", word)} <= {
        "gross_margin_rate",
        "max_yearly_inflation",
        "price_index",
        "recurring_template",
        "owner_type_id",
        "date_create",
        "manual_baseline",
        "recorded_alike",
        "response_time",
    }


def test_a_card_opens_by_keyboard(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        summary = page.locator("main:visible [data-metric=cac] summary")
        formula = page.locator("main:visible [data-metric=cac] .formula >> nth=0")
        assert not formula.is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        assert formula.is_visible()


def test_names_can_be_hidden(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        person = page.locator("main:visible [data-table=employees] .person >> nth=0")
        assert person.bounding_box()["width"] > 40
        page.check("main:visible [data-hide-names]")
        assert person.evaluate("one => getComputedStyle(one).fontSize") == "0px"


def test_a_phone_of_360_pixels_shows_all_without_scrolling_sideways(
    started: Browser, demo_page: Path
) -> None:
    with opened(started, demo_page, "phone") as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.screenshot(path=SHOTS / "phone.png")


def test_it_prints_on_eight_pages_of_a4_at_most(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        printed = page.pdf(path=SHOTS / "print.pdf", prefer_css_page_size=True)
    assert 0 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8


@pytest.mark.parametrize("scheme", sample(["light", "dark"]))
def test_axe_finds_nothing_serious(started: Browser, demo_page: Path, scheme: str) -> None:
    with opened(started, demo_page, color_scheme=scheme) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        page.screenshot(path=SHOTS / f"desktop-{scheme}.png")
        found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_each_chart_has_a_text_in_its_place(started: Browser, demo_page: Path) -> None:
    with opened(started, demo_page) as page:
        mute = page.evaluate(
            "[...document.querySelectorAll('svg')].filter(one => !one.ariaHidden "
            "&& !one.getAttribute('aria-label')).length"
        )
        assert mute == 0
        assert page.locator("main:visible svg[role=img]").count() >= 10


# -- the file


def test_the_report_writes_the_page_and_says_where(demo_portal: Built) -> None:
    path = page_path(demo_portal.project)
    path.unlink(missing_ok=True)
    answer = demo_portal.run("report", "--lang", "en")
    assert answer.returncode == 0, answer.stderr
    assert str(path) in answer.stderr
    assert '<html lang="en">' in path.read_text("utf-8")


def test_a_file_that_is_not_ours_is_not_replaced(demo_portal: Built, tmp_path: Path) -> None:
    project = copied(demo_portal, tmp_path)
    page_path(project).write_text("<html>my own report</html>")
    with pytest.raises(ConfigurationError, match="is not a page that crm-effect wrote"):
        write_page(project, "en")
    assert page_path(project).read_text() == "<html>my own report</html>"


def test_the_page_is_replaced_as_a_whole_and_may_be_read_by_those_who_read_the_marts(
    demo_portal: Built, tmp_path: Path
) -> None:
    project = copied(demo_portal, tmp_path)
    project = replace(project, environment=project.environment | {"CRM_MARTS_MODE": "0640"})
    write_page(project, "ru")
    path = write_page(project, "en")
    assert path.stat().st_mode & 0o777 == 0o440
    assert '<html lang="en">' in path.read_text("utf-8")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["crm.duckdb", "report.html"]


# -- states of a portal, each made by what the marts say of it

Change = Callable[[duckdb.DuckDBPyConnection], None]


def sql(*statements: str) -> Change:
    def change(connection: duckdb.DuckDBPyConnection) -> None:
        for statement in statements:
            connection.execute(statement)

    return change


NOTHING_SCORED = (
    "update crm_scorecard set status = 'no_data', evidence = null, before_value = null, "
    "after_value = null, change = null, change_pct = null, change_ci_low = null, "
    "change_ci_high = null"
)
NO_ROI = "delete from crm_roi"
STATES: dict[str, tuple[Change, str]] = {
    "no_go_live": (
        sql(
            "update crm_verdict set verdict = 'not_enough_data', reason = 'go_live_missing', "
            "go_live_date = null, before_from = null, before_last_month = null, "
            "after_from = null, after_last_month = null, families_with_data = 0",
            f"{NOTHING_SCORED}, warning = 'go_live_missing'",
            "update run_settings set crm_go_live_date = null",
            "delete from metric_windows",
            "delete from metric_contributions where comparison = 'before_after'",
            NO_ROI,
        ),
        "не указана дата внедрения CRM",
    ),
    "data_begin_at_go_live": (
        sql(
            "update crm_verdict set verdict = 'not_enough_data', reason = 'families', "
            "before_from = null, before_last_month = null, families_with_data = 0",
            f"{NOTHING_SCORED}, warning = 'history_too_short'",
            "delete from metric_windows where window_name = 'before'",
            "delete from metric_contributions where comparison = 'before_after'",
            "delete from metric_values where period_start < date '2025-05-01'",
            NO_ROI,
        ),
        "данных слишком мало",
    ),
    "not_comparable": (
        sql(
            "update crm_scorecard set status = 'not_comparable', coverage_kind = 'answers', "
            "coverage_before = 0.38, coverage_after = 0.92, "
            "warning = 'recorded_differently: answers 0.38 before, 0.92 after' "
            "where metric_code = 'response_time'"
        ),
        "",
    ),
    "cannot_tell_yet": (
        sql(
            "update crm_verdict set verdict = 'cannot_tell_yet', reason = 'families', "
            "can_tell_from = date '2027-03-01', months_to_compare = 10, families_better = 0, "
            "families_worse = 0, families_level = families_with_data",
            "update crm_scorecard set status = 'not_distinguishable', evidence = null",
        ),
        "1 марта 2027",
    ),
    "preliminary": (
        sql(
            "update crm_verdict set is_preliminary = true, final_from = date '2027-01-01'",
            "update crm_scorecard set is_preliminary = true, final_from = date '2027-01-01' "
            "where status <> 'no_data'",
        ),
        "Предварительный вывод",
    ),
    "pays_off": (
        sql(
            "update crm_verdict set verdict = 'pays_off', reason = 'families', "
            "net_effect = 240000, net_effect_ci_low = 140000, net_effect_ci_high = 340000",
            "update crm_roi set net_effect = 240000, net_effect_ci_low = 140000, "
            "net_effect_ci_high = 340000, payback_month = date '2025-09-01'",
        ),
        "CRM окупается",
    ),
    "eats_the_budget": (
        sql(
            "update crm_verdict set verdict = 'eats_the_budget', reason = 'money', "
            "net_effect = -240000, net_effect_ci_low = -340000, net_effect_ci_high = -140000",
            "update crm_roi set net_effect = -240000, net_effect_ci_low = -340000, "
            "net_effect_ci_high = -140000, payback_month = null",
            "update crm_scorecard set status = 'worse' where change is not null",
        ),
        "CRM съедает бюджет",
    ),
    "one_metric_only": (
        sql(
            "update metric_values set value = null, value_status = 'source_missing' "
            "where metric_code <> 'conversion'",
            f"{NOTHING_SCORED}, warning = 'source_missing' where metric_code <> 'conversion'",
            "update crm_verdict set verdict = 'not_enough_data', reason = 'families', "
            "families_with_data = 1, families_better = 0, families_worse = 0, families_level = 1",
            "delete from metric_windows where metric_code <> 'conversion'",
            "delete from metric_contributions where metric_code <> 'conversion'",
            NO_ROI,
        ),
        "данных слишком мало",
    ),
    "no_clients": (
        sql(
            "delete from client_cohorts",
            "delete from metric_cac where segment_type <> 'all'",
            "update metric_values set value = null, value_status = 'no_data' "
            "where metric_code in ('retention', 'churn', 'cac', 'ltv')",
        ),
        "",
    ),
    "3000_employees": (
        sql(
            "insert into employee_kpi by name select one.* replace (employee_kpi_key || '|' || n "
            "as employee_kpi_key, 'e' || n as employee_id, 'Сотрудник ' || n as employee_name) "
            "from (select * from employee_kpi where deals_won > 0 limit 1) as one, "
            "range(3000) as t(n)",
            "update employee_kpi set period_grain = 'quarter', is_complete = true, "
            "period_start = date '2026-07-01' where employee_id like 'e%'",
        ),
        "",
    ),
    "ten_years": (
        sql(
            "insert into metric_values by name select old.* replace (metric_key || '|' || n as "
            "metric_key, cast(period_start - to_months(cast(36 * n as integer)) as date) as "
            "period_start) from metric_values as old, range(1, 4) as t(n) "
            "where segment_type = 'all' and period_grain = 'month' and is_complete"
        ),
        "",
    ),
    "names_with_markup": (
        sql(
            *(
                f"update {mart} set {column} = '<script>alert(1)</script><b>\"&amp;' || {column}"
                for mart, column in (
                    ("metric_cac", "segment_name"),
                    ("metric_values", "segment_name"),
                    ("employee_kpi", "employee_name"),
                    ("crm_adoption", "segment_name"),
                    ("loss_by_stage", "stage_name"),
                    ("loss_by_stage", "loss_reason_name"),
                    ("deal_stage_durations", "pipeline_name"),
                )
            )
        ),
        "",
    ),
    "long_channel_names": (
        sql(
            "update metric_cac set segment_name = repeat('Щ', 40) where segment_type = 'channel'",
            "update metric_values set segment_name = repeat('Щ', 40) || segment_id "
            "where segment_type = 'channel'",
        ),
        "",
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_of_a_portal_has_a_page_that_stands(
    state: str, started: Browser, demo_portal: Built, tmp_path: Path
) -> None:
    change, title = STATES[state]
    project = copied(demo_portal, tmp_path)
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        change(connection)
    path = write_page(project, "ru")
    assert path.stat().st_size < 3_000_000
    with opened(started, path) as page:
        assert title in page.locator("h1:visible").inner_text()
        text = page.locator("main:visible").inner_text()
        page.screenshot(path=SHOTS / f"state-{state}.png", full_page=True)
        assert page.faults == []
    with opened(started, path, "phone") as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    checks = {
        "not_comparable": "до внедрения 0,38, после 0,92",
        "3000_employees": "И ещё 2\N{NO-BREAK SPACE}9",
        "names_with_markup": "<script>alert(1)</script><b>",
        "no_go_live": "crm_go_live_date",
        "cannot_tell_yet": "А пока — как сотрудники работают в CRM",
        "preliminary": "До 1 января 2027 вывод предварительный",
        "data_begin_at_go_live": "Данные начинаются незадолго до внедрения",
    }
    assert checks.get(state, "") in text


def test_a_few_clients_accuse_no_channel_and_an_unfinished_month_is_not_counted(
    started: Browser, demo_portal: Built, tmp_path: Path
) -> None:
    project = copied(demo_portal, tmp_path)
    enough = project.vars["min_sample_size"]
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        connection.execute(
            f"update metric_cac set is_unprofitable = true, new_clients = {enough - 1} "
            "where segment_type = 'channel' and new_clients > 0"
        )
        # the demo ends with October
        connection.execute(
            "insert into fct_requests by name select 'new' as request_id, "
            "timestamp '2026-11-02 09:00:00' as requested_at, "
            "date '2026-11-02' as requested_date from range(1)"
        )
    year = rows(
        project,
        "select count(*) as requests from fct_requests "
        "where requested_date >= date '2025-11-01' and requested_date < date '2026-11-01'",
    )[0]
    with opened(started, write_page(project, "ru")) as page:
        said = {row[-1] for row in table(page, "channels")}
        assert said == {"клиентов слишком мало, чтобы судить"}
        assert sum(number_of(row[1])[0] for row in table(page, "answers")) == year["requests"]


def test_earlier_verdicts_are_shown_the_newest_first(demo_portal: Built, tmp_path: Path) -> None:
    project = copied(demo_portal, tmp_path)
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        connection.execute(
            "create or replace table verdict_history as "
            "select * from (values "
            "('1', timestamp '2026-08-01', 'cannot_tell_yet', true, 1, 0, null, null, null), "
            "('2', timestamp '2026-09-01', 'not_enough_data', false, 1, 0, null, null, null), "
            "('3', timestamp '2026-09-01', 'pays_off', false, 5, 1, 1000.4, 10.0, 1990.0)"
            ") as said (run_id, as_of, verdict, is_preliminary, families_better, families_worse, "
            "net_effect, net_effect_ci_low, net_effect_ci_high)"
        )
    text = write_page(project, "ru").read_text("utf-8")
    rows_shown = re.search(r'data-table="verdicts">.*?<tbody>(.*?)</tbody>', text, re.S)
    assert rows_shown
    cells = [
        re.sub(r"<[^>]+>", "|", row).replace("\N{NO-BREAK SPACE}", " ").strip("|")
        for row in rows_shown[1].split("</tr>")[:-1]
    ]
    assert [re.sub(r"\|+", "|", row) for row in cells] == [
        "1 сентября 2026|окупается|5|1|+1 000 ₽",
        "1 августа 2026|судить рано (предварительно)|1|0|–",
    ]


def test_only_a_register_is_said_to_have_no_vote(
    started: Browser, demo_portal: Built, tmp_path: Path
) -> None:
    project = copied(demo_portal, tmp_path)
    register = "Этот учёт компания ведёт сама"
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        connection.execute(
            "update crm_scorecard set has_vote = false, change_ci_low = null, change_ci_high = null"
        )
        connection.execute(
            "update crm_scorecard set status = 'no_data', warning = 'too_few_months' "
            "where metric_code <> 'automation_level'"
        )
    with opened(started, write_page(project, "ru")) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        cards = page.locator("main:visible [data-metric]")
        noted = [card for card in cards.all() if register in card.inner_text()]
        assert [card.get_attribute("data-metric") for card in noted] == ["automation_level"]


def test_findings_open_to_their_rows_and_the_rows_to_the_portal(
    started: Browser, demo_portal: Built, tmp_path: Path
) -> None:
    project = copied(demo_portal, tmp_path)
    project = replace(
        project, given_vars=project.given_vars | {"portal_url": "https://example.bitrix24.ru/"}
    )
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        connection.execute("delete from crm_findings")
        connection.execute("delete from crm_finding_rows")
        connection.execute(
            "insert into crm_findings by name select 'deals_stuck' as finding_code, "
            "'high' as severity, 'process' as cause, 'Stuck deals' as name_en, "
            "'Застрявшие сделки' as name_ru, 'Open deals do not move' as what, "
            "'Открытые сделки не движутся' as what_ru, 25 as evidence_count, "
            "100 as evidence_base, 25.0 as evidence_share_pct, 20.0 as threshold_pct, "
            "'training' as recommended_action, 'Close them' as advice_en, "
            "'Закройте неактуальные' as advice_ru"
        )
        connection.execute(
            "insert into crm_finding_rows by name select 'deals_stuck|deal|' || n as "
            "finding_row_key, 'deals_stuck' as finding_code, 'deal' as entity_type, "
            "cast(n as varchar) as entity_id, "
            "(select min(employee_id) from dim_employees) as employee_id, "
            "timestamp '2026-10-01 00:00:00' + to_days(cast(n as integer)) as happened_at, "
            "1000 as amount from range(1, 26) as t(n)"
        )
    with opened(started, write_page(project, "ru")) as page:
        assert "Застрявшие сделки" in page.locator(".verdict:visible").inner_text()
        finding = page.locator("main:visible .finding")
        finding.locator("summary").click()
        links = finding.locator("a").evaluate_all("all => all.map(one => one.href)")
        assert len(links) == 20
        # the newest first
        assert links[0] == "https://example.bitrix24.ru/crm/deal/details/25/"
        assert "И ещё 5" in finding.inner_text()
        page.screenshot(path=SHOTS / "state-findings.png", full_page=True)
        assert page.faults == []


def test_an_empty_portal_has_a_page(started: Browser, demo_portal: Built, tmp_path: Path) -> None:
    project = copied(demo_portal, tmp_path)
    kept = ("metric_catalog", "run_settings", "crm_verdict", "crm_scorecard", "metric_rows")
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("use marts")
        for (mart,) in connection.execute("show tables").fetchall():
            if mart not in kept:
                connection.execute(f"delete from {mart}")
        STATES["no_go_live"][0](connection)
        connection.execute("update run_settings set as_of_at = null, base_currency = null")
    path = write_page(project, "ru")
    with opened(started, path) as page:
        assert page.locator("main:visible article").count() == 10
        page.screenshot(path=SHOTS / "state-empty_portal.png", full_page=True)
        assert page.faults == []


# -- other formats


@long
def test_the_page_is_printed_to_pdf(demo_portal: Built, tmp_path: Path) -> None:
    project = copied(demo_portal, tmp_path)
    write_page(project, "ru")
    for _ in range(2):
        path = write_pdf(project)
    printed = path.read_bytes()
    assert printed.startswith(b"%PDF-")
    assert 0 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8
    path.chmod(0o600)
    path.write_bytes(b"%PDF-1.4 of somebody else")
    with pytest.raises(ConfigurationError, match="is not a file that crm-effect wrote"):
        write_pdf(project)


def test_without_a_browser_it_is_said_how_to_get_a_pdf(
    demo_portal: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="in any browser and print it to PDF"):
        write_pdf(copied(demo_portal, tmp_path))


@long
def test_a_workbook_has_the_marts_as_sheets_and_no_text_is_a_formula(
    demo_portal: Built, tmp_path: Path
) -> None:
    project = copied(demo_portal, tmp_path)
    with duckdb.connect(str(project.marts_db)) as connection:
        connection.execute("update marts.employee_kpi set employee_name = '=1+1' || chr(7)")
    for _ in range(2):
        path = write_workbook(project)
    workbook = load_workbook(path)
    for mart in ("crm_scorecard", "metric_values", "employee_kpi"):
        header, *cells = workbook[mart].iter_rows()
        expected = rows(project, f"select * from {mart}")
        assert [cell.value for cell in header] == list(expected[0])
        assert len(cells) == len(expected)
    place = [cell.value for cell in workbook["employee_kpi"][1]].index("employee_name")
    names = {(row[place].value, row[place].data_type) for row in cells}
    assert names == {("=1+1\N{REPLACEMENT CHARACTER}", "s")}
    assert workbook["crm_scorecard"]["A2"].value == "automation_level"
    path.chmod(0o600)
    path.write_bytes(b"somebody else's")
    with pytest.raises(ConfigurationError, match="is not a file that crm-effect wrote"):
        write_workbook(project)
