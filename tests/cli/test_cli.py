"""The command as people and schedulers use it: what it says, and how it exits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness import cli, preflight
from bitrix24_effectiveness.configuration import PortalEnvironment, Vars
from bitrix24_effectiveness.demo import TABLES, seed_files
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.project import Project
from running import REPOSITORY, Built, MiniProject, databases, long, run_command, write_raw


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real project with its databases in a folder of the test."""
    for name, value in databases(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(REPOSITORY)
    write_raw(tmp_path / "raw.duckdb")
    return tmp_path


def refusal(capsys: pytest.CaptureFixture, *arguments: str, code: int = 2) -> str:
    """Runs a command that must fail, and gives the one line that it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["crm-effect", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    said = capsys.readouterr()
    assert stopped.value.code == code
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


# -- vars


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{client_inactivity_day: 90}", "is unknown; did you mean client_inactivity_days?"),
        ("{client_inactivity_days: 0}", "client_inactivity_days is 0: it must be a whole number"),
        ("{client_inactivity_days: 1.5}", "client_inactivity_days is 1.5"),
        ("{chat_result_statuses: {answered: [1]}}", "chat_result_statuses: unanswered is"),
        (
            "{chat_result_statuses: {answered: [1, 2], unanswered: [2]}}",
            "2 cannot be answered and unanswered",
        ),
        (
            "{chat_result_statuses: {answered: one, unanswered: [2]}}",
            "answered is one: it must be a list of numbers of RESULT_STATUS",
        ),
        ("{deal_entity_type: 7}", "deal_entity_type is 7: it must be 2 (deals), 31 (invoices) or"),
        ("{raw_preset: deal_type}", "say by the var deal_entity_type what that is"),
        ("{response_sla_minutes: soon}", "response_sla_minutes is soon"),
        ("{comparison_months: -1}", "comparison_months is -1"),
        ("{comparison_months: yes}", "comparison_months is True"),
        ("{reporting_timezone: Europe/Moskow}", "no such time zone; did you mean Europe/Moscow?"),
        ("{portal_timezone: ''}", "var portal_timezone is empty: no such time zone"),
        ("{demand_entity: leads}", "demand_entity is leads: it must be auto, lead, deal or both"),
        ("{gross_margin_rate: 0}", "gross_margin_rate is 0"),
        ("{gross_margin_rate: 40}", "gross_margin_rate is 40"),
        ("{base_currency: rub}", "base_currency is rub: it must be three capital letters"),
        ("{base_currency: USD}", "exchange_rates know only RUB"),
        ("{portal_url: example.bitrix24.ru}", "it must be an address such as https://example"),
        ("{portal_url: 'javascript:alert(1)'}", "it must be an address such as https://example"),
        ("{as_of: yesterday}", "as_of is yesterday: it must be an instant"),
        ("{as_of: 2026-02-30}", "as_of is 2026-02-30"),
        ("{crm_go_live_date: May 2025}", "crm_go_live_date is May 2025"),
        ("{finding_idle_days: 0}", "finding_idle_days is 0: it must be a whole number"),
        ("{finding_thresholds: 5}", "finding_thresholds is 5: it must be a percentage for each"),
        ("{finding_thresholds: {deal_stuck: 5}}", "is no finding; did you mean deals_stuck?"),
        ("{finding_thresholds: {deals_stuck: 120}}", "deals_stuck is 120: it must be a number"),
        ("{finding_thresholds: {deals_stuck: 5}}", "has no deals_won_at_once: a run that gives"),
        ("{raw_preset: crm_items}", "raw_preset is crm_items: it must be one of rest, crm_item,"),
        ("{raw_identifiers: {crm_deals: b24_deals}}", "crm_deals is no raw table; did you mean"),
        ("{raw_columns: {crm_deal: {stage: s}}}", "crm_deal has no column stage"),
        ("{raw_columns: x}", "raw_columns is x: it must be a mapping"),
        ("{", "it must be YAML"),
        ("word", "it must be a mapping"),
    ],
)
def test_a_bad_var(here: Path, capsys: pytest.CaptureFixture, given: str, message: str) -> None:
    assert message in refusal(capsys, "--vars", given, "run")
    assert not (here / "warehouse.duckdb").exists()


def test_every_var_of_the_project_is_checked() -> None:
    assert set(Vars.model_fields) == set(Project(REPOSITORY, {}).default_vars)


# -- the environment


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CRM_TARGET", "postgresql", "CRM_TARGET is postgresql: it must be duckdb, postgres"),
        ("BITRIX24_ATTEMPTS", "many", "BITRIX24_ATTEMPTS is many: it must be a number, 0 or more"),
        ("BITRIX24_SWEEP_DAYS", "inf", "BITRIX24_SWEEP_DAYS is inf: it must be a number"),
    ],
)
def test_a_bad_variable_of_the_environment(
    here: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert message in refusal(capsys, "run")


def test_an_empty_variable_is_not_given_and_hides_that_of_the_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("BITRIX24_WEBHOOK_URL=of the file\nBITRIX24_ATTEMPTS=3\n", "utf-8")
    given = PortalEnvironment.read({"BITRIX24_ATTEMPTS": ""}, file)
    assert (given.bitrix24_webhook_url, given.bitrix24_attempts) == ("of the file", 12)
    assert PortalEnvironment.read({"BITRIX24_WEBHOOK_URL": ""}, file).bitrix24_webhook_url == ""


# -- the raw database


def test_no_raw_database(here: Path, capsys: pytest.CaptureFixture) -> None:
    (here / "raw.duckdb").unlink()
    said = refusal(capsys, "build")
    assert f"no raw database at {here / 'raw.duckdb'}" in said
    assert "crm-effect demo" in said


def test_not_a_database(here: Path, capsys: pytest.CaptureFixture) -> None:
    (here / "raw.duckdb").write_text("id,stage_id\n" * 1000, "utf-8")
    assert "raw.duckdb is not a DuckDB database file" in refusal(capsys, "build")


def test_a_locked_raw_database(here: Path, capsys: pytest.CaptureFixture) -> None:
    hold = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(here / "raw.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        said = refusal(capsys, "build")
        holder.communicate(b"\n")
    assert f"raw.duckdb is in use by process {holder.pid}" in said


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("drop schema bitrix24 cascade", "has no tables in schema bitrix24"),
        ("drop table bitrix24.crm_deal", "has no table bitrix24.crm_deal, which is required"),
        ("drop table bitrix24.crm_status", "has no table bitrix24.crm_status, which is required"),
        (
            "alter table bitrix24.crm_deal drop column date_create",
            "has no column date_create, which is required",
        ),
    ],
)
def test_something_required_is_absent(
    here: Path, capsys: pytest.CaptureFixture, statement: str, message: str
) -> None:
    with duckdb.connect(str(here / "raw.duckdb")) as connection:
        connection.execute(statement)
    assert message in refusal(capsys, "build")
    assert not (here / "warehouse.duckdb").exists()


def test_names_of_the_portal_are_mapped(here: Path, capsys: pytest.CaptureFixture) -> None:
    with duckdb.connect(str(here / "raw.duckdb")) as connection:
        connection.execute("alter table bitrix24.crm_deal rename column date_create to createdTime")
        connection.execute("alter table bitrix24.crm_deal rename to b24_deals")
    tables = "raw_identifiers: {crm_deal: b24_deals}"
    columns = "raw_columns: {crm_deal: {date_create: createdAt}}"
    said = refusal(capsys, "--vars", f"{{{tables}, {columns}}}", "build")
    assert "table bitrix24.b24_deals" in said
    assert "has no column createdAt" in said


# -- seeds


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate\n", "rates\n", "seeds/exchange_rates.csv, line 1: column rates is unknown; did you"),
        (",rate\n", "\n", "line 1: column rate is missing"),
        ("2025-01-01", "2025-13-01", "line 2, column valid_from: 2025-13-01 is no date such as"),
        ("101.68", "101,68", "line 2: has 5 values, the header has 4"),
        ("101.68", "a lot", "line 2, column rate: a lot is no number"),
        ("101.68", '"101.68', "line 2, column rate: a quote is out of place or never closed"),
        ("rate\n", "rate,rate\n", "line 1: column rate is there twice"),
        ("currency,", "\ufeffcurrency,", "line 1: save it as UTF-8 without a byte order mark"),
        (",", ";", "line 1: has semicolons: save it with commas between its columns"),
    ],
)
def test_a_bad_seed(mini: MiniProject, old: str, new: str, message: str) -> None:
    mini.rates.write_text(mini.rates.read_text("utf-8").replace(old, new), "utf-8")
    answer = mini.run("build")
    assert message in answer.stderr
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("seed", "old", "new", "message"),
    [
        ("working_hours", "\n1,", "\n1.5,", "line 2, column weekday: 1.5 is no whole number"),
        (
            "working_hours",
            "\n1,",
            "\n99999999999,",
            "column weekday: 99999999999 is no whole",
        ),
        ("costs", "2023-11", "2023-13", "line 2, column date_from: 2023-13-01 is no date such as"),
        ("loss_reasons", "true", "perhaps", "line 3, column is_organisational: perhaps is no true"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_line_and_column(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: str,
    old: str,
    new: str,
    message: str,
) -> None:
    seeds = here / "seeds"
    seeds.mkdir()
    for path in seed_files(REPOSITORY).values():
        shutil.copy(path, seeds)
    monkeypatch.setenv("CRM_SEEDS_DIR", str(seeds))
    project = Project(REPOSITORY, {})
    preflight.check_seeds(project)
    path = seeds / f"{seed}.csv"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(ConfigurationError, match=message):
        preflight.check_seeds(project)


def test_a_seed_that_is_not_utf_8(mini: MiniProject) -> None:
    mini.rates.write_bytes(mini.rates.read_bytes() + "Руб,RUB,2025-01-01,1\n".encode("cp1251"))
    answer = mini.run("build")
    assert "exchange_rates.csv: is not UTF-8; save it as UTF-8" in answer.stderr
    assert answer.returncode == 2


def test_seeds_that_are_not_there(mini: MiniProject) -> None:
    mini.rates.rename(mini.rates.with_name("exchange_rate.csv"))
    answer = mini.run("build")
    assert "exchange_rates.csv is missing; did you mean exchange_rate?" in answer.stderr
    assert answer.returncode == 2
    answer = mini.run("build", CRM_SEEDS_DIR="/nowhere/at/all")
    assert answer.stderr == (
        "error: /nowhere/at/all: no such folder; CRM_SEEDS_DIR must hold the seeds\n"
    )
    assert answer.returncode == 2


# -- usage


def test_wrong_usage(here: Path, capsys: pytest.CaptureFixture) -> None:
    assert "Did you mean 'run'?" in refusal(capsys, "rum")
    assert "Missing argument 'FOLDER'" in refusal(capsys, "load-files")
    assert "nothing is published" in refusal(capsys, "report")


@pytest.mark.parametrize("name", ["marts.duckdb", "Marts.of.2026.duckdb"])
def test_marts_in_a_file_named_like_their_schema(
    here: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("CRM_MARTS_DB", str(here / name))
    assert "another name than its schema, such as crm.duckdb" in refusal(capsys, "run")
    assert not (here / "warehouse.duckdb").exists()


@pytest.mark.parametrize("command", ["run", "load", "publish", "report"])
def test_what_spark_does_not_do(
    here: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setenv("CRM_TARGET", "spark")
    assert "CRM_TARGET is spark: only" in refusal(capsys, command)


def test_no_project(tmp_path: Path) -> None:
    answer = run_command("build", env={"DBT_PROJECT_DIR": str(tmp_path)}, cwd=tmp_path)
    assert "no dbt_project.yml of bitrix24_effectiveness" in answer.stderr
    assert answer.returncode == 2


def test_help_names_the_exit_codes() -> None:
    answer = run_command("--help", env={}, cwd=REPOSITORY)
    assert "3  another run holds the lock" in answer.stdout
    assert answer.returncode == 0


# -- the profile


@long
def test_the_first_build_copies_the_profile_and_later_ones_leave_it_alone(
    mini: MiniProject,
) -> None:
    profile, example = (mini.folder / name for name in ("profiles.yml", "profiles.yml.example"))
    assert mini.run("build", DBT_PROFILES_DIR="").returncode == 0
    assert profile.read_text("utf-8") == example.read_text("utf-8")
    mine = profile.read_text("utf-8") + "# mine\n"
    profile.write_text(mine, "utf-8")
    assert mini.run("build", DBT_PROFILES_DIR="").returncode == 0
    assert profile.read_text("utf-8") == mine


# -- builds


def test_a_failed_test_shows_its_rows_and_publishes_nothing(mini: MiniProject) -> None:
    # what is below zero is seen before the build
    mini.write(
        "tests/data/rates_are_positive.sql",
        "select * from {{ ref('exchange_rates') }} where rate < 1",
    )
    assert mini.run("build").returncode == 0
    assert mini.run("publish").returncode == 0
    marts = Path(mini.env["CRM_MARTS_DB"])
    before = marts.read_bytes()

    mini.rates.write_text(
        mini.rates.read_text("utf-8") + "EUR,RUB,2025-02-01,0.5\nCNY,RUB,2025-03-01,0.25\n",
        "utf-8",
    )
    answer = mini.run("run")
    assert answer.returncode == 1
    _, _, said = answer.stderr.partition("guarded: ")
    assert said.partition("\n")[2] == (
        "test rates_are_positive: 2 rows fail - A rate is above zero.\n"
        "  currency=EUR, base_currency=RUB, valid_from=2025-02-01, rate=0.5\n"
        "  currency=CNY, base_currency=RUB, valid_from=2025-03-01, rate=0.25\n"
        "error: 1 of 3 checks and models failed (1 skipped): the published marts stay as they are\n"
    )
    assert mini.run("publish").returncode == 1
    assert marts.read_bytes() == before


def test_json_lines_for_schedulers(mini: MiniProject) -> None:
    answer = mini.run("--log-format", "json", "build")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    nodes = [line["node"] for line in lines if line["event"] == "node"]
    kinds = [node.partition(".")[0] for node in nodes if ".base_" not in node]
    assert sorted(kinds) == ["model", "seed", "test"]
    assert lines[-1]["event"] == "built"
    assert answer.stderr == ""

    answer = mini.run("--log-format", "json", "--vars", "{as_of: never}", "build")
    (line,) = (json.loads(line) for line in answer.stdout.splitlines())
    assert (line["level"], line["event"], line["exit_code"]) == ("error", "error", 2)


def test_a_model_that_cannot_run_is_named_without_a_stack_trace(mini: MiniProject) -> None:
    mini.write(
        "models/marts/rates.sql",
        "select cast(currency as integer) as n from {{ ref('exchange_rates') }}",
    )
    answer = mini.run("build")
    assert answer.returncode == 1
    assert "model rates: Conversion Error: Could not convert string 'USD'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_project_that_dbt_cannot_read(mini: MiniProject) -> None:
    mini.write("models/marts/rates.sql", "select * from {{ ref('no') }}")
    answer = mini.run("build")
    assert answer.returncode == 2
    assert "depends on a node named 'no' which was not found" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_one_run_at_a_time(mini: MiniProject) -> None:
    hold = (
        "from bitrix24_effectiveness.project import Project\n"
        "from bitrix24_effectiveness.warehouse import warehouse_of\n"
        "with warehouse_of(Project.find({})).only_run():\n    print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        env=os.environ | mini.env,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        for command in ("build", "publish", "run"):
            answer = mini.run(command)
            assert answer.returncode == 3
            assert f"another run (process {holder.pid}) is working on" in answer.stderr
        holder.kill()
    # the system lets go of the lock of a process that was killed
    assert mini.run("publish").returncode == 1


@long
def test_a_build_that_is_killed_publishes_nothing(mini: MiniProject) -> None:
    state = Path(mini.env["CRM_WAREHOUSE_DB"] + ".build.json")
    with subprocess.Popen(
        [sys.executable, "-m", "bitrix24_effectiveness.cli", "run"],
        env=dict(mini.env) | {"PATH": ""},
        cwd=mini.folder,
        stderr=subprocess.DEVNULL,
    ) as build:
        while not state.exists():
            assert build.poll() is None, "it ended before it began to build"
            time.sleep(0.01)
        build.kill()
    answer = mini.run("publish")
    assert answer.returncode == 1
    assert "the last build was interrupted" in answer.stderr
    assert not Path(mini.env["CRM_MARTS_DB"]).exists()
    assert mini.run("build").returncode == 0


# -- the real project


def test_the_demo_portal_ends_with_the_ten_metrics(demo_portal: Built) -> None:
    answer = demo_portal.run("report", "--lang", "ru")
    assert answer.returncode == 0
    for name in ("Конверсия в сделку", "Время первого ответа", "Упущенные продажи"):
        assert name in answer.stdout
    answer = demo_portal.run("--log-format", "json", "report")
    metrics = [
        line for line in map(json.loads, answer.stdout.splitlines()) if line["event"] == "metric"
    ]
    assert len(metrics) == 10
    assert all(line["after"] is not None for line in metrics)


def test_every_raw_row_is_in_the_summary(demo_portal: Built) -> None:
    answer = demo_portal.run("--log-format", "json", "report")
    (rows,) = (
        line for line in map(json.loads, answer.stdout.splitlines()) if line["event"] == "rows"
    )
    with duckdb.connect(str(demo_portal.project.raw_db), read_only=True) as connection:
        delivered = sum(
            connection.execute(f"select count(*) from bitrix24.{table}").fetchone()[0]
            for table in TABLES
        )
    assert rows["raw"] == delivered
    assert rows["raw"] == rows["staged"] + rows["rejected"] + rows["superseded"]


def test_a_missing_exchange_rate_names_currency_and_date(mini: MiniProject) -> None:
    test = "tests/data/assert_amounts_have_a_rate.sql"
    mini.write(test, (REPOSITORY / test).read_text("utf-8"))
    mini.write(
        "models/fct_deals.sql",
        "select 'XAU' as original_currency, date '2025-03-08' as rate_date, null as amount",
    )
    mini.write(
        "models/fct_costs.sql",
        "select 'RUB' as original_currency, date '2025-03-08' as rate_date, 1 as amount",
    )
    # what else the test reads is sound
    for name, columns in {
        "stg_reference__costs": "'salary' as cost_type, 'RUB' as currency, "
        "date '2025-03-08' as date_from",
        "int_run_settings": "'RUB' as base_currency",
        "int_exchange_rates": "'RUB' as currency, date '2025-01-01' as valid_from, "
        "date '9999-01-01' as valid_before",
    }.items():
        mini.write(f"models/{name}.sql", f"select {columns}")
    answer = mini.run("run")
    assert answer.returncode == 1
    assert "  entity=deal, currency=XAU, rate_date=2025-03-08, amounts_without_rate=1\n" in (
        answer.stderr
    )


SAID_BY_THREADS = """
import threading
from bitrix24_effectiveness.log import Log

log = Log("json")
say = lambda: [log.event("node", "a model is done") for _ in range(1500)]
threads = [threading.Thread(target=say) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_each_json_line_is_whole_whatever_threads_write() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SAID_BY_THREADS], capture_output=True, text=True, check=True
    )
    lines = answer.stdout.splitlines()
    assert len(lines) == 12_000
    assert {json.loads(line)["event"] for line in lines} == {"node"}
