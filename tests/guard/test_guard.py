"""The guard: what it lets pass, what it says, what it keeps."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest

from bitrix24_effectiveness.demo import generate
from bitrix24_effectiveness.errors import DataError
from bitrix24_effectiveness.guard import Finding, guard, judge, read_suites
from bitrix24_effectiveness.guard.views import CHANGES
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from corruptions.catalogue import TIMES
from corruptions.healthy import Portal, healthy_portal
from guarding import Guarded, observed, write_portal
from harness import rows_of
from oracle.reading import COLUMNS
from portals import SIZES, VARIANTS, random_case
from running import REPOSITORY, MiniProject, hunt, long, sample

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path, NOW)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    return healthy_portal(tmp_path_factory.mktemp("healthy"))


def failed(findings: list[Finding]) -> dict[str, Finding]:
    return {f"{one.table}.{one.check}": one for one in findings if not one.passed}


# -- no false alarms


@pytest.mark.parametrize("size", sample(list(SIZES)[1:]))
def test_healthy_portals_pass(guarded: Guarded, size: str) -> None:
    """Random portals of many shapes, a hundred in all; the demo's are below."""
    for seed in range(hunt(10)):
        variant = list(VARIANTS)[seed % len(VARIANTS)]
        rng = random.Random(f"{size} {seed}")
        case = random_case(rng, variant=variant, size=size, dirt=False)
        for table in ("crm_lead", "crm_activity", "users", "crm_category"):
            if rng.random() < 0.1:
                del case.portal[table]
        write_portal(guarded.raw, case.portal)
        findings = guarded.check(severity="critical", variables=case.variables)
        assert failed(findings) == {}, f"seed {seed}"


@pytest.mark.parametrize("leads", sample([60, 1, 10, 300, 1500]))
def test_demo_portals_pass(guarded: Guarded, leads: int) -> None:
    generate(guarded.raw, leads=leads, seed=leads)
    first = guarded.check(severity="critical")
    assert failed(first) == {}
    # the next load finds as much again
    assert failed(guarded.check(before=observed(first), severity="critical")) == {}


@pytest.mark.parametrize(
    ("change", "which"),
    sample([("* 100", "true"), ("/ 1000", "true"), ("* 10", "cast(id as bigint) % 2 = 0")]),
)
def test_amounts_of_another_unit_stop_the_first_run_where_leads_have_amounts(
    guarded: Guarded, change: str, which: str
) -> None:
    generate(guarded.raw, leads=300, seed=4)
    with duckdb.connect(str(guarded.raw)) as connection:
        connection.execute(
            f"update bitrix24.crm_deal set opportunity = try_cast(opportunity as double) {change} "
            f"where {which}"
        )
    assert set(failed(guarded.check(severity="critical"))) == {"crm_deal.amount_as_in_its_lead"}


@long
def test_amounts_that_change_their_unit_one_month_are_shown_on_the_first_run(
    guarded: Guarded,
) -> None:
    generate(guarded.raw, leads=5000, seed=4)
    with duckdb.connect(str(guarded.raw)) as connection:
        connection.execute(
            "update bitrix24.crm_deal set opportunity = try_cast(opportunity as double) / 100 "
            "where date_create < '2025-11'"
        )
        # as in a portal whose leads have no amounts
        connection.execute("update bitrix24.crm_lead set opportunity = '0.00'")
    assert failed(guarded.check(severity="critical")) == {}
    shown = failed(guarded.check(severity="warning"))["crm_deal.amounts_at_one_scale"]
    assert [key[:7] for key in shown.failing_keys] == ["2025-11"]


@pytest.mark.parametrize("leads", sample([40, 3000]))
def test_no_day_of_a_healthy_year_looks_as_if_a_table_had_ended(
    tmp_path: Path, guarded: Guarded, leads: int
) -> None:
    """The portal as it was loaded on each day, with a January in which nobody works."""
    generate(tmp_path / "demo.duckdb", leads=leads, seed=3)
    queries = {
        table: expectation["kwargs"]["unexpected_rows_query"].replace("{batch}", table)
        for table, parts in guarded.suites.items()
        for expectation in parts["read"]
        if expectation["meta"]["check"] == "ends_with_the_others"
    }
    assert len(queries) == 8
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'demo.duckdb'}' as demo (read_only)")
        connection.execute("create table today (day date)")
        connection.execute("insert into today values ('2025-12-20')")
        for table, columns in TIMES.items():
            column = columns[0]
            connection.execute(
                f"""
                create view {table} as
                with typed as (
                    select try_cast({column} as timestamp) as {column}, hash(id) % 20 as twentieth
                    from demo.bitrix24.{table}
                )
                select * from typed
                where {column} < (select day from today)
                    and (twentieth = 0 or {column} not between '2026-01-01' and '2026-01-12')
                """
            )
        connection.execute(f"create view changes as {CHANGES}")
        assert connection.sql("select count(*) > 10 from crm_activity").fetchone() == (True,)
        for _ in range(45):
            connection.execute("update today set day = day + 1")
            for table, query in queries.items():
                found = connection.sql(query).fetchall()
                today = connection.sql("select day from today").fetchone()
                assert found == [], (table, today)


# -- what is judged against the clock, and against the last accepted run


@long
def test_stale_data_stop_only_where_an_age_is_given(tmp_path: Path, healthy: Portal) -> None:
    for hours, clock, is_stale in (
        (24, datetime(2026, 10, 30, 20, tzinfo=UTC), False),
        (24, datetime(2026, 11, 2, tzinfo=UTC), True),
        (0, datetime(2027, 11, 1, tzinfo=UTC), False),
    ):
        guarded = Guarded(tmp_path, clock)
        write_portal(guarded.raw, healthy)
        findings = guarded.check(
            of_tables=["crm_deal"], variables={"raw_max_age_hours": hours}, severity="critical"
        )
        assert list(failed(findings)) == (["crm_deal.fresh"] if is_stale else [])


@long
def test_a_machine_whose_clock_is_slow_lets_the_data_pass(tmp_path: Path, healthy: Portal) -> None:
    guarded = Guarded(tmp_path, datetime(2020, 1, 1, tzinfo=UTC))
    write_portal(guarded.raw, healthy)
    assert failed(guarded.check(severity="critical")) == {}


@pytest.mark.parametrize(("share", "is_noticed"), [(1.0, False), (0.2, True)])
def test_a_last_day_with_few_rows_is_noticed(
    guarded: Guarded, healthy: Portal, share: float, is_noticed: bool
) -> None:
    start = datetime(2026, 9, 1, 9, tzinfo=UTC)
    activity = healthy["crm_activity"][0]
    rows = []
    for day in range(31):
        count = 30 if day != 29 else int(30 * share)
        for number in range(count):
            at = (start + timedelta(days=day, minutes=number)).isoformat()
            rows.append(activity | {"id": f"{day}{number:03}", "created": at, "last_updated": at})
    write_portal(guarded.raw, healthy | {"crm_activity": rows})
    findings = failed(guarded.check(of_tables=["crm_activity"], severity="warning"))
    assert ("crm_activity.last_full_day" in findings) == is_noticed


@long
def test_few_rows_in_the_future_are_a_doubt_where_the_end_of_data_is_given(
    guarded: Guarded, healthy: Portal
) -> None:
    for future_rows, variables, stops in (
        (1, {}, True),
        (1, {"as_of": "2026-11-01"}, False),
        (len(healthy["crm_deal"]), {"as_of": "2026-11-01"}, True),
    ):
        deals = [
            row | {"date_modify": row["date_modify"].replace("2026", "2062")}
            for row in healthy["crm_deal"][:future_rows]
        ]
        write_portal(guarded.raw, healthy | {"crm_deal": deals + healthy["crm_deal"][future_rows:]})
        findings = guarded.check(of_tables=["crm_deal"], variables=variables)
        found = failed(findings)["crm_deal.not_in_the_future"]
        assert (found.stops, found.observed) == (stops, str(future_rows))


# -- what is shown and kept


def test_a_check_that_cannot_be_evaluated_is_critical(guarded: Guarded, healthy: Portal) -> None:
    write_portal(guarded.raw, healthy)
    broken = {
        "type": "unexpected_rows_expectation",
        "severity": "warning",
        "description": "Nobody can tell.",
        "meta": {"check": "broken"},
        "kwargs": {"unexpected_rows_query": "select id from {batch} where no_such_column = 1"},
    }
    guarded.suites = {"crm_deal": {"read": [broken]}}
    (finding,) = guarded.check()
    assert finding.stops
    assert finding.observed.startswith("cannot be evaluated: ")
    assert "no_such_column" in finding.observed


def test_no_personal_value_is_shown(guarded: Guarded, healthy: Portal) -> None:
    people = ["Иванов Иван", "ivanov@example.com", "+7 900 123-45-67", "Anna Smith"]
    deals = [dict(row) for row in healthy["crm_deal"]]
    for deal, person in zip(deals, people * 4, strict=False):
        deal["stage_id"] = person
        deal["assigned_by_id"] = person
    write_portal(guarded.raw, healthy | {"crm_deal": deals})
    findings = failed(guarded.check(of_tables=["crm_deal"]))
    assert "crm_deal.mostly_readable" in findings
    shown = " ".join(str((one.observed, one.failing_keys)) for one in findings.values())
    for person in people:
        assert person not in shown
        assert person.upper() not in shown


@long
def test_of_many_failing_rows_the_same_are_shown_in_whatever_order_they_came(
    guarded: Guarded, healthy: Portal
) -> None:
    deals = [
        row | {"id": f"{copy}{row['id']}", "opportunity": "-1", "lead_id": "999999"}
        for copy in range(1, 9)
        for row in healthy["crm_deal"]
    ]
    # Great Expectations looks at the first two hundred
    assert len(deals) > 200
    first, second = (
        failed(_of_deals(guarded, healthy | {"crm_deal": rows})) for rows in (deals, deals[::-1])
    )
    assert first.keys() == second.keys() >= {"crm_deal.lead_exists", "crm_deal.amount_in_range"}
    assert first == second
    assert not any(one.observed.startswith("cannot") for one in first.values())


def _of_deals(guarded: Guarded, portal: Portal) -> list[Finding]:
    write_portal(guarded.raw, portal)
    return guarded.check(of_tables=["crm_deal"])


def test_every_raw_table_has_a_suite_with_names_and_severities() -> None:
    project = Project(REPOSITORY, {}, {})
    for table, parts in read_suites(project).items():
        checks = [one["meta"]["check"] for part in parts.values() for one in part]
        assert len(checks) == len(set(checks)), table
        for part in parts.values():
            for one in part:
                assert one["severity"] in ("critical", "warning"), (table, one)
                assert one["description"], (table, one)


@pytest.fixture
def guarded_mini(mini: MiniProject, healthy: Portal) -> MiniProject:
    write_portal(Path(mini.env["CRM_RAW_DB"]), healthy)
    return mini


def results_of(mini: MiniProject) -> list[dict]:
    with duckdb.connect(mini.env["CRM_WAREHOUSE_DB"], read_only=True) as connection:
        return rows_of(connection, "quality.data_quality_results")


def test_a_run_with_bad_data_leaves_the_marts_and_says_why(
    guarded_mini: MiniProject, healthy: Portal
) -> None:
    mini = guarded_mini
    answer = mini.run("run")
    assert "guarded: " in answer.stderr
    marts = Path(mini.env["CRM_MARTS_DB"])
    before = marts.read_bytes()

    spoiled = [row | {"date_modify": "2062-01-05"} for row in healthy["crm_deal"][:2]]
    write_portal(
        Path(mini.env["CRM_RAW_DB"]),
        healthy | {"crm_deal": spoiled + healthy["crm_deal"][2:]},
    )
    answer = mini.run("run")
    assert answer.returncode == 1
    assert "not_in_the_future" in answer.stderr
    assert spoiled[0]["id"] in answer.stderr
    assert answer.stderr.endswith(
        "error: raw data failed crm_deal.not_in_the_future: the published marts stay as they are\n"
    )
    assert marts.read_bytes() == before
    # what the guard wrote beside them takes nothing from the marts of the last build
    assert mini.run("publish").returncode == 0

    answer = mini.run("--log-format", "json", "guard")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    (check,) = (line for line in lines if line["event"] == "check" and line["level"] == "error")
    assert (check["table"], check["check"], check["observed"]) == (
        "crm_deal",
        "not_in_the_future",
        "2",
    )
    kept = results_of(mini)
    assert len({row["run_id"] for row in kept}) == 3
    assert [row["is_accepted"] for row in kept if row["check_name"] == "not_in_the_future"].count(
        False
    ) == 2 * sum(row["check_name"] == "not_in_the_future" for row in kept) // 3


@long
def test_a_run_builds_each_base_table_once_and_tests_it(guarded_mini: MiniProject) -> None:
    guarded_mini.write(
        "models/staging/bitrix24/base/_tests.yml",
        # with a setting of its own: plain tests are no nodes of a build
        "models: [{name: base_bitrix24__deals, columns: "
        "[{name: id, data_tests: [{not_null: {config: {where: 1 = 1}}}]}]}]",
    )
    tables = len(Project(REPOSITORY, {}).raw_tables)
    for command in ("run", "build"):
        answer = guarded_mini.run("--log-format", "json", command)
        events = [json.loads(line) for line in answer.stdout.splitlines()]
        assert "built" in [one["event"] for one in events]
        nodes = [one["node"] for one in events if one["event"] == "node"]
        base_tables = [node for node in nodes if ".base_bitrix24__" in node]
        assert len(base_tables) == len(set(base_tables)) == tables
        assert [node for node in nodes if "not_null_base_bitrix24__deals_id" in node]


@long
def test_a_guard_that_is_interrupted_leaves_what_was_built_as_it_was(
    guarded_mini: MiniProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "marts are published" in guarded_mini.run("run").stderr
    assert guarded_mini.run("guard").returncode == 0
    assert guarded_mini.run("publish").returncode == 0
    monkeypatch.setattr(judge, "check_raw_tables", interrupted)
    assert guarded_mini.run("guard").returncode == 130
    # it judges base tables in memory
    assert guarded_mini.run("publish").returncode == 0


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@long
def test_a_table_that_shrank_since_the_last_accepted_run(
    guarded_mini: MiniProject, healthy: Portal
) -> None:
    assert guarded_mini.run("guard").returncode == 0
    raw = Path(guarded_mini.env["CRM_RAW_DB"])
    write_portal(raw, healthy | {"tasks": healthy["tasks"][:3]})
    for _ in range(2):
        answer = guarded_mini.run("guard")
        assert answer.returncode == 1
        assert "raw data failed tasks.rows" in answer.stderr
    assert "run once with --new-portal" in answer.stderr
    assert guarded_mini.run("guard", "--new-portal").returncode == 0
    assert guarded_mini.run("guard").returncode == 0


@long
def test_an_alarm_that_was_accepted_stays_accepted_and_no_other(
    guarded_mini: MiniProject, healthy: Portal
) -> None:
    assert guarded_mini.run("guard").returncode == 0
    raw = Path(guarded_mini.env["CRM_RAW_DB"])
    answer = guarded_mini.run("guard", "--accept-checks", "crm_category.row")
    assert answer.returncode == 2
    assert "crm_category.row is no check, such as crm_category.rows; did you" in answer.stderr

    # two pipelines of three are gone, and leads end before everything else
    pipelines = healthy["crm_category"][:1]
    leads = [row for row in healthy["crm_lead"] if row["date_create"] < "2026-10-20"]
    write_portal(raw, healthy | {"crm_category": pipelines, "crm_lead": leads})
    checks = ("crm_category.rows", "crm_lead.ends_with_the_others")
    answer = guarded_mini.run("guard", "--accept-checks", checks[0])
    assert (answer.returncode, f"raw data failed {checks[1]}:" in answer.stderr) == (1, True)
    accept = ("--accept-checks", checks[0], "--accept-checks", checks[1])
    assert guarded_mini.run("guard", *accept).returncode == 0

    # the first is measured by the run that accepted it, the second goes on failing and is shown
    answer = guarded_mini.run("--log-format", "json", "guard")
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    shown = [
        (f"{one['table']}.{one['check']}", one["level"])
        for one in events
        if one["event"] == "check" and one["severity"] == "accepted"
    ]
    assert (answer.returncode, shown) == (0, [(checks[1], "warning")])
    write_portal(raw, healthy | {"crm_category": []})
    answer = guarded_mini.run("guard")
    assert (answer.returncode, f"raw data failed {checks[0]}:" in answer.stderr) == (1, True)
    assert "--accept-checks and the names" in answer.stderr


@long
def test_another_raw_file_is_not_compared_with_this_one(
    guarded_mini: MiniProject, healthy: Portal
) -> None:
    assert guarded_mini.run("guard").returncode == 0
    other = Path(guarded_mini.env["CRM_RAW_DB"]).with_name("other.duckdb")
    write_portal(other, healthy | {"tasks": healthy["tasks"][:3]})
    guarded_mini.env["CRM_RAW_DB"] = str(other)
    assert guarded_mini.run("guard").returncode == 0


@long
def test_data_docs_without_personal_values(guarded_mini: MiniProject, healthy: Portal) -> None:
    deals = [row | {"stage_id": "Иванов Иван"} for row in healthy["crm_deal"]]
    write_portal(Path(guarded_mini.env["CRM_RAW_DB"]), healthy | {"crm_deal": deals})
    assert guarded_mini.run("guard", "--data-docs").returncode == 1
    folder = Path(guarded_mini.env["CRM_WAREHOUSE_DB"]).with_name("data_docs")
    pages = [page.read_text("utf-8") for page in folder.rglob("*.html")]
    assert any("crm_deal.read" in page for page in pages)
    assert not any("иванов" in page.lower() for page in pages)


@long
def test_a_suite_that_is_missing_or_no_yaml(guarded_mini: MiniProject) -> None:
    path = guarded_mini.folder / "great_expectations/tasks.yml"
    text = path.read_text("utf-8")
    path.write_text("a: [", "utf-8")
    answer = guarded_mini.run("guard")
    assert (answer.returncode, "not valid YAML" in answer.stderr) == (2, True)
    path.write_text(text.replace("severity: critical", "severity: grave"), "utf-8")
    answer = guarded_mini.run("guard")
    assert (answer.returncode, "severity (critical or warning)" in answer.stderr) == (2, True)
    path.write_text(text.replace("ends_with_the_others.sql", "gone.sql"), "utf-8")
    answer = guarded_mini.run("guard")
    assert (answer.returncode, "or the `file` of one beside it" in answer.stderr) == (2, True)
    path.write_text(text.replace("unexpected_rows_expectation", "expect_magic"), "utf-8")
    answer = guarded_mini.run("guard")
    assert (answer.returncode, "cannot be" in answer.stderr) == (1, True)
    assert "Traceback" not in answer.stderr
    path.unlink()
    answer = guarded_mini.run("guard")
    assert (answer.returncode, "tasks is unguarded" in answer.stderr) == (2, True)


# -- PostgreSQL


@long
def test_the_same_findings_on_postgresql(
    tmp_path: Path, healthy: Portal, request: pytest.FixtureRequest
) -> None:
    spoiled = {table: [dict(row) for row in rows] for table, rows in healthy.items()}
    for number, (column, value) in enumerate(
        [
            ("date_create", "2023-02-29"),
            ("date_create", "1900-01-05"),
            ("date_modify", "2062-01-01T00:00:00+03:00"),
            ("opportunity", "NaN"),
            ("opportunity", "-5e2"),
            ("opportunity", "1" * 30),
            ("stage_id", "UC_GONE"),
            ("id", "7.0"),
            ("lead_id", "999999"),
            ("moved_time", "2026-09-01 25:00"),
        ]
    ):
        spoiled["crm_deal"][number][column] = value
    spoiled["crm_lead"].append(dict(spoiled["crm_lead"][0]))
    guarded = Guarded(tmp_path, NOW)
    write_portal(guarded.raw, spoiled)
    expected = guarded.check()
    assert len(failed(expected)) > 5

    env = request.getfixturevalue("on_postgres")
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("create schema bitrix24")
        for table, rows in spoiled.items():
            columns = COLUMNS[table]
            texts = ", ".join(f"{column} text" for column in columns)
            connection.execute(f"create table bitrix24.{table} ({texts})")
            connection.cursor().executemany(
                f"insert into bitrix24.{table} values ({', '.join('%s' for _ in columns)})",
                [[row[column] for column in columns] for row in rows],
            )
        assert Guarded(tmp_path, NOW, **env).check() == expected
        for _ in range(2):
            with pytest.raises(DataError, match="not_in_the_future"):
                guard(Project(REPOSITORY, {}), Log("json"))
        runs = (
            "select count(distinct run_id), min(raw_source) from crm_quality.data_quality_results"
        )
        source = f"database {env['PGDATABASE']} at {env['PGHOST']}, schema bitrix24"
        assert connection.execute(runs).fetchone() == (2, source)
