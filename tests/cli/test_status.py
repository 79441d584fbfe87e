"""What is kept of each run, and what `crm-effect status` makes of it for those who watch none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.history import kept_history
from bitrix24_effectiveness.log import Log, without_secrets
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Reader
from running import Built, MiniProject, long, sample

HISTORY = "select command, phase, status from quality.run_history order by started_at"
PHASES = ["check", "guard", "build", "publish"]


def asked(path: str, query: str) -> list[tuple]:
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(query).fetchall()


def events(mini: MiniProject, *arguments: str) -> dict[str, list[dict]]:
    answer = mini.run("--log-format", "json", "status", *arguments)
    found: dict[str, list[dict]] = {}
    for line in answer.stdout.splitlines():
        told = json.loads(line)
        found.setdefault(told["event"], []).append(told | {"code": answer.returncode})
    return found


def make_older(mini: MiniProject, hours: float) -> None:
    """Moves the last publication and all runs into the past."""
    for path, statement in (
        (
            mini.env["CRM_MARTS_DB"],
            "update crm_effect.publication set run = "
            f"'{(datetime.now(UTC) - timedelta(hours=hours)).isoformat()}'",
        ),
        (
            mini.env["CRM_WAREHOUSE_DB"],
            f"update quality.run_history set started_at = started_at - interval {hours} hour",
        ),
    ):
        Path(path).chmod(0o600)
        with duckdb.connect(path) as connection:
            connection.execute(statement)


def test_of_each_run_each_phase_is_kept_and_published(mini: MiniProject) -> None:
    assert mini.run("run").returncode in (0, 4)  # the report needs marts that are not here
    warehouse, marts = mini.env["CRM_WAREHOUSE_DB"], mini.env["CRM_MARTS_DB"]
    assert asked(warehouse, HISTORY) == [("run", phase, "ok") for phase in PHASES]
    # ends before the publication that it is a part of
    assert asked(marts, "select phase from marts.run_history order by started_at") == [
        ("check",),
        ("guard",),
        ("build",),
    ]
    assert asked(
        warehouse,
        "select count(distinct run_id), min(seconds) >= 0, sum(seconds) > 0 "
        "from quality.run_history",
    ) == [(1, True, True)]
    # the guard is a part of the same run
    assert (
        asked(
            warehouse,
            "select distinct run_id from quality.data_quality_results "
            "except select run_id from quality.run_history",
        )
        == []
    )
    timed = "select model, seconds > 0 from marts.model_timings where model in "
    assert asked(marts, timed + "('rates', 'exchange_rates') order by 1") == [
        ("exchange_rates", True),
        ("rates", True),
    ]
    # also the base tables, which the guard has built
    assert asked(marts, "select count(*) > 10 from marts.model_timings") == [(True,)]
    for kind in ("tables", "columns"):
        assert not asked(
            marts,
            f"select * from duckdb_{kind}() where schema_name = 'marts' and table_name in "
            "('run_history', 'model_timings') and coalesce(comment, '') = ''",
        )
    parquet = Path(marts).with_suffix("") / "run_history.parquet"
    assert duckdb.read_parquet(str(parquet)).fetchall()


@long
def test_a_run_that_finds_nothing_changed_is_kept_and_leaves_nothing_to_build(
    mini: MiniProject,
) -> None:
    mini.run("run")
    for _ in range(2):
        assert "nothing to build" in mini.run("run").stderr
    kept = asked(mini.env["CRM_WAREHOUSE_DB"], HISTORY)
    assert kept[4:] == [("run", "check", "unchanged")] * 2
    # and what passed its tests may still be published
    assert mini.run("publish").returncode == 0


def test_a_run_that_fails_is_kept_with_its_reason(mini: MiniProject) -> None:
    mini.run("run")
    mini.write("tests/data/rates_are_positive.sql", "select * from {{ ref('exchange_rates') }}")
    assert mini.run("run").returncode == 1
    phase, status, message = asked(
        mini.env["CRM_WAREHOUSE_DB"],
        "select phase, status, message from quality.run_history order by started_at desc limit 1",
    )[0]
    assert (phase, status) == ("build", "failed")
    assert "1 of " in message
    # it stays a build that failed
    assert "the last build failed" in mini.run("publish").stderr
    last = events(mini)["past_run"][:2]
    assert [(run["command"], run["result"], run["phase"]) for run in last] == [
        ("publish", "failed", "publish"),
        ("run", "failed", "build"),
    ]
    shown = mini.run("status", "--lang", "ru").stdout
    assert "ошибка: сборка" in shown
    assert message in " ".join(shown.split())


@long
def test_a_wrong_setting_of_a_first_run_makes_no_warehouse(mini: MiniProject) -> None:
    answer = mini.run("run", CRM_RAW_DB=str(mini.folder / "nowhere.duckdb"))
    assert answer.returncode == 2
    assert not Path(mini.env["CRM_WAREHOUSE_DB"]).exists()
    mini.run("run")
    mini.run("run", CRM_RAW_DB=str(mini.folder / "nowhere.duckdb"))
    assert asked(mini.env["CRM_WAREHOUSE_DB"], HISTORY)[-1] == ("run", "check", "failed")


def test_nothing_is_written_to_a_database_that_is_somebody_elses(mini: MiniProject) -> None:
    raw = Path(mini.env["CRM_RAW_DB"])
    before = raw.read_bytes()
    assert mini.run("run", CRM_WAREHOUSE_DB=str(raw)).returncode == 2
    assert raw.read_bytes() == before


def test_what_ends_a_run_is_kept_without_secrets(mini: MiniProject) -> None:
    project = Project(mini.folder, {}, {"PGPASSWORD": "hunter22", "LANG": "refused"})
    said = "https://p.bitrix24.ru/rest/1/abcdef/crm.deal.list, http://me:pw@proxy: hunter22 refused"
    assert without_secrets(project.environment, said + "\nmore") == (
        "https://p.bitrix24.ru/rest/1/***/crm.deal.list, http://***@proxy: *** refused more"
    )
    history_of = kept_history(project, Log("text"), "run")
    with pytest.raises(KeyError), history_of as history, history.phase("check") as phase:
        raise KeyError("a name, perhaps")
    assert phase.message == "unexpected KeyError"


@long
def test_age_decides_the_exit_code_only_where_it_is_asked_for(mini: MiniProject) -> None:
    answer = mini.run("status")
    assert answer.returncode == 0
    assert "Nothing is published yet" in answer.stdout
    assert not Path(mini.env["CRM_WAREHOUSE_DB"]).exists()
    answer = mini.run("status", "--max-age", "24")
    assert answer.returncode == 1
    assert answer.stderr == "error: nothing is published\n"
    mini.run("run")
    assert mini.run("status", "--max-age", "24").returncode == 0
    make_older(mini, hours=30)
    told = events(mini, "--max-age", "24")
    assert told["status"][0]["age_hours"] == pytest.approx(30, abs=0.1)
    assert told["error"][0]["exit_code"] == told["error"][0]["code"] == 1
    assert told["error"][0]["message"] == (
        "the last good publication is 30.0 hours old: more than --max-age 24"
    )
    assert mini.run("status", "--max-age", "31").returncode == 0
    assert mini.run("status").returncode == 0
    assert mini.run("status", "--max-age", "0").returncode == 2


@long
def test_a_run_that_finds_nothing_changed_makes_the_publication_good_again(
    mini: MiniProject,
) -> None:
    mini.run("run")
    make_older(mini, hours=30)
    assert mini.run("status", "--max-age", "24").returncode == 1
    with duckdb.connect(mini.env["CRM_WAREHOUSE_DB"]) as connection:
        connection.execute(
            "insert into quality.run_history by name select '2100' as run_id, 'run' as command, "
            "'check' as phase, now() at time zone 'utc' as started_at, 0.1 as seconds, "
            "'unchanged' as status, '1' as version"
        )
    told = events(mini, "--max-age", "24")["status"][0]
    assert told["code"] == 0
    assert told["age_hours"] < 1
    # a failure since then does not
    make_older(mini, hours=30)
    mini.write("tests/data/rates_are_positive.sql", "select * from {{ ref('exchange_rates') }}")
    mini.run("run")
    assert mini.run("status", "--max-age", "24").returncode == 1


@long
def test_failed_checks_of_the_raw_data_are_counted_run_by_run(mini: MiniProject) -> None:
    mini.run("run")
    with duckdb.connect(mini.env["CRM_RAW_DB"]) as connection:
        connection.execute("delete from bitrix24.crm_deal")
    assert mini.run("run").returncode == 1
    last, first = events(mini)["past_run"]
    assert (last["phase"], last["result"]) == ("guard", "failed")
    assert first["checks_failed_critical"] == 0
    assert last["checks_failed_critical"] > 0
    assert last["checks"] > 0


@pytest.mark.parametrize("name", sample(["CRM_MARTS_DB", "CRM_WAREHOUSE_DB"]))
def test_a_file_that_cannot_be_read_is_one_line(mini: MiniProject, name: str) -> None:
    mini.run("run")
    path = Path(mini.env[name])
    path.chmod(0o600)
    path.write_bytes(b"no database" * 1000)
    answer = mini.run("status", "--max-age", "24")
    assert answer.returncode == 2
    assert answer.stderr == f"error: {path} is not a DuckDB database file\n"
    assert answer.stdout == ""


def test_published_by_an_older_version_is_one_line(mini: MiniProject) -> None:
    with duckdb.connect(mini.env["CRM_MARTS_DB"]) as connection:
        connection.execute("create schema marts")
    answer = mini.run("status")
    assert answer.returncode == 2
    assert "run `crm-effect run`" in answer.stderr
    assert answer.stderr.count("\n") == 1


@long
def test_while_the_warehouse_is_in_use_the_published_runs_are_shown(mini: MiniProject) -> None:
    mini.run("run")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; c = duckdb.connect({mini.env['CRM_WAREHOUSE_DB']!r}); "
            "print('held', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        answer = mini.run("status", "--max-age", "24")
        assert answer.returncode == 0
        assert "The warehouse is in use" in answer.stdout
        told = events(mini)
        holder.communicate(b"\n")
    assert told["status"][0]["warehouse_in_use"]
    assert [run["phase"] for run in told["past_run"]] == ["build"]


def test_both_languages_say_when_what_can_be_told(demo_portal: Built) -> None:
    # nothing is kept there: it was built without the command
    shown = {code: demo_portal.run("status", "--lang", code) for code in ("en", "ru")}
    for answer in shown.values():
        assert answer.returncode == 0, answer.stderr
    assert "A change up to the goal" in shown["en"].stdout
    assert "Data as of: " in shown["en"].stdout
    assert "No run is on record yet" in shown["en"].stdout
    assert "Изменение до цели" in shown["ru"].stdout
    assert "Данные по: " in shown["ru"].stdout
    answer = demo_portal.run("--log-format", "json", "status")
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    metrics = [one for one in told if one["event"] == "can_tell"]
    assert len(metrics) >= 10
    assert {type(one["is_able_to_tell"]) for one in metrics} == {bool}


@long
def test_keeping_a_run_takes_few_statements_however_many_models_there_are(
    mini: MiniProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    mini.run("run")
    project = Project(mini.folder, {}, mini.env)
    asked_of_it: list[str] = []
    execute = Reader._execute

    def counted(self: Reader, query: str, parameters: Sequence[object]) -> object:
        asked_of_it.append(query)
        return execute(self, query, parameters)

    monkeypatch.setattr(Reader, "_execute", counted)
    with kept_history(project, Log("text"), "run") as history:
        history.is_ours = True
        for name in ("check", "guard", "build"):
            with history.phase(name):
                pass
        history.model_seconds = {f"model_{n}": 0.1 for n in range(500)}
    # what is there, the rows of each table, and which are too old; a millisecond or two each
    assert len(asked_of_it) == 4
    assert asked(
        mini.env["CRM_WAREHOUSE_DB"],
        "select count(*) from quality.model_timings where model like 'model_%'",
    ) == [(500,)]
