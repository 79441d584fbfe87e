"""On a PostgreSQL server: what BI reads is whole, tested, and all that a BI role can read."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

import postgres
from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.build import record
from bitrix24_effectiveness.errors import AnotherRunError, ConfigurationError, DataError
from bitrix24_effectiveness.journal.loading import load_journal
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish, rollback
from bitrix24_effectiveness.warehouse import postgres as warehouse
from bitrix24_effectiveness.warehouse import warehouse_of
from compare_engines import differences, duckdb_reader, mart_keys, postgres_reader
from guarding import Guarded, compared, findings_of
from oracle import SEGMENT_TYPES
from running import REPOSITORY, Answer, Built, MiniProject, run_command

MARTS = ("first", "second")
ROWS = 2_000


@pytest.fixture
def project(on_postgres: dict[str, str]) -> Project:
    return Project(REPOSITORY, {})


def ask(query: str, **connection: str) -> list[tuple]:
    with psycopg.connect(**connection) as asking:
        cursor = asking.execute(query)
        return cursor.fetchall() if cursor.description else []


def build(project: Project, version: int, rows: int = ROWS) -> None:
    """Makes two marts with one version number each: a mixture of two builds would show."""
    with psycopg.connect() as connection:
        connection.execute("create schema if not exists crm_marts")
        for mart in MARTS:
            connection.execute(f"drop table if exists crm_marts.{mart}")
            connection.execute(
                f"create table crm_marts.{mart} as select {version} as version, i "
                f"from generate_series(1, {rows}) as t(i)"
            )
    record(project, "passed", MARTS)


# -- publishing


def test_marts_and_only_they_are_published_with_all_that_they_are(project: Project) -> None:
    ask(
        "create schema crm_marts;"
        "create table crm_marts.facts (version integer not null, note text check (note <> ''));"
        "insert into crm_marts.facts values (1, 'it''s');"
        "create index on crm_marts.facts (note);"
        "comment on table crm_marts.facts is 'One row per fact; it''s small.';"
        "comment on column crm_marts.facts.version is 'Which build';"
        "create table crm_marts.of_a_model_that_is_no_more ()"
    )
    record(project, "passed", ["facts"])
    publish(project, Log("text"))
    assert ask("select * from marts.facts") == [(1, "it's")]
    assert ask(
        "select relname, obj_description(oid) from pg_class "
        "where relnamespace = 'marts'::regnamespace and relkind = 'r'"
    ) == [("facts", "One row per fact; it's small.")]
    assert ask(
        "select attname, attnotnull, col_description(attrelid, attnum) from pg_attribute "
        "where attrelid = 'marts.facts'::regclass and attnum > 0 order by attnum"
    ) == [("version", True, "Which build"), ("note", False, None)]
    assert len(ask("select 1 from pg_indexes where schemaname = 'marts'")) == 1


def test_readers_see_one_version_whatever_they_read_first(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "PAUSE_SECONDS", 0.1)
    build(project, 0)
    publish(project, Log("text"))
    wrong: list[str] = []
    seen: set[int] = set()
    is_over = threading.Event()

    def read(number: int) -> None:
        dice = random.Random(number)
        marts = MARTS if number % 2 else MARTS[::-1]
        isolation = psycopg.IsolationLevel(2 + number % 3)
        try:
            with psycopg.connect() as connection:
                connection.isolation_level = isolation
                while not is_over.is_set():
                    with connection.transaction():
                        found = set()
                        if number % 4 == 0:
                            # a snapshot that is older than what will be read
                            connection.execute("select 1")
                            time.sleep(dice.random() / 5)
                        for mart in marts:
                            found |= set(
                                connection.execute(
                                    f"select version, count(*) from marts.{mart} group by version"
                                )
                            )
                            time.sleep(dice.random() / 100)
                    time.sleep(dice.random() / 10)
                    if len(found) != 1 or {rows for _, rows in found} != {ROWS}:
                        wrong.append(f"{number} {isolation.name}: {found}")
                    seen.update(version for version, _ in found)
        except Exception as error:
            wrong.append(f"{number}: {error}")

    readers = [threading.Thread(target=read, args=(number,)) for number in range(6)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, 7):
            build(project, version)
            publish(project, Log("text"))
            if version == 4:
                rollback(project, Log("text"))
    finally:
        time.sleep(0.2)
        is_over.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert {0, 6} <= seen
    schemas = ask("select nspname from pg_namespace where nspname like 'marts%' order by 1")
    # CRM_KEEP is 3
    assert len(schemas) == 3
    assert schemas[0] == ("marts",)


def test_a_join_in_one_statement_sees_one_version(project: Project) -> None:
    build(project, 0)
    publish(project, Log("text"))
    query = "select count(*) from marts.first join marts.second using (version, i)"
    with psycopg.connect() as reader:
        # its snapshot is taken, and no mart is read yet
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("select 1")
        build(project, 1)
        publish(project, Log("text"))
        assert reader.execute(query).fetchone() == (ROWS,)


def test_a_reader_that_does_not_end_keeps_what_it_reads(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse, "PATIENCE_SECONDS", 1)
    build(project, 0)
    publish(project, Log("text"))
    build(project, 1)
    with psycopg.connect() as reader:
        reader.execute("select * from marts.first limit 1")
        with pytest.raises(AnotherRunError, match=r"not published: .* \(crm, process \d+\)"):
            publish(project, Log("text"))
        assert reader.execute("select max(version) from marts.second").fetchone() == (0,)
    publish(project, Log("text"))
    assert ask("select max(version) from marts.second") == [(1,)]


@pytest.mark.parametrize("status", ["failed", "running"])
def test_a_build_that_did_not_pass_is_not_published(project: Project, status: str) -> None:
    build(project, 0)
    publish(project, Log("text"))
    build(project, 1)
    record(project, status)
    with pytest.raises(DataError, match="not published: the last build"):
        publish(project, Log("text"))
    assert ask("select max(version) from marts.first") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        "update crm_marts.first set version = 2 where i = 1",
        "delete from crm_marts.second where i = 1",
        "insert into crm_marts.second values (0, 0)",
        "create table crm_marts.new (like crm_marts.first); drop table crm_marts.first; "
        "alter table crm_marts.new rename to first",
    ],
)
def test_marts_that_were_changed_after_their_tests_are_not_published(
    project: Project, change: str
) -> None:
    build(project, 0)
    ask(change)
    with pytest.raises(DataError, match="changed after the last"):
        publish(project, Log("text"))
    assert ask("select to_regnamespace('marts')") == [(None,)]


def test_nothing_was_built(project: Project) -> None:
    with pytest.raises(DataError, match="run `crm-effect build` first"):
        publish(project, Log("text"))
    build(project, 0)
    ask("drop table crm_marts.first")
    with pytest.raises(DataError, match="run `crm-effect build` first"):
        publish(project, Log("text"))


def test_what_others_made_is_not_dropped(project: Project) -> None:
    build(project, 0)
    ask("create schema marts; create table marts.first (theirs text)")
    with pytest.raises(ConfigurationError, match=r"has not published there \(first\)"):
        publish(project, Log("text"))
    ask("drop table marts.first")
    publish(project, Log("text"))
    ask("create view public.theirs as select * from marts.first")
    with pytest.raises(ConfigurationError, match=r"view theirs depends on table marts.first"):
        publish(project, Log("text"))
    assert ask("select count(*) from theirs") == [(ROWS,)]
    ask("drop view theirs; create table marts.theirs ()")
    with pytest.raises(ConfigurationError, match=r"has not published there \(theirs\)"):
        publish(project, Log("text"))


def test_an_older_publication_is_made_current_and_the_newer_one_can_be_had_back(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def current() -> list[tuple]:
        return ask("select distinct version from marts.first join marts.second using (version, i)")

    monkeypatch.setenv("CRM_BI_ROLE", "Bi Reader")
    project = Project(REPOSITORY, {})
    with role("Bi Reader"):
        for version in range(5):
            build(project, version)
            publish(project, Log("text"))
        newest = warehouse_of(project).publication()
        assert newest is not None
        kept = warehouse_of(project).publications()
        rollback(project, Log("text"))
        assert current() == [(3,)]
        assert warehouse_of(project).publication() == kept[0]
        rollback(project, Log("text"))
        assert current() == [(2,)]
        with pytest.raises(ConfigurationError, match="none that is older"):
            rollback(project, Log("text"))
        rollback(project, Log("text"), newest.isoformat())
        assert current() == [(4,)]
        with psycopg.connect(user="Bi Reader", autocommit=True) as reader:
            assert reader.execute("select max(version) from marts.first").fetchone() == (4,)
            schemas = ask(r"select nspname from pg_namespace where nspname like 'marts\_%'")
            assert len(schemas) == 2
            for (schema,) in schemas:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"select * from {schema}.first")
        # of what others built on those that are kept nothing is dropped either
        ask(f"create view public.theirs as select * from {schemas[0][0]}.first")
        for version in (5, 6, 7):
            build(project, version)
            publish(project, Log("text"))
        assert ask("select count(*) from theirs") == [(ROWS,)]
        ask("drop view theirs")
        publish(project, Log("text"))
        assert len(warehouse_of(project).publications()) == 2
        ask("create view public.theirs as select * from marts.first")
        with pytest.raises(ConfigurationError, match=r"view theirs depends on table marts.first"):
            rollback(project, Log("text"))
        assert current() == [(7,)]
        ask("drop view theirs")


PUBLISH_FOR_EVER = """
import sys
from test_postgres import *
project = Project(REPOSITORY, {})
for version in range(1, 10_000):
    build(project, version, 20_000)
    publish(project, Log("text"))
    print("published", flush=True)
"""


def test_killed_at_any_moment_the_last_publication_is_whole(project: Project) -> None:
    dice = random.Random(6)
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", PUBLISH_FOR_EVER],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        ) as publisher:
            assert publisher.stdout.readline() == b"published\n"
            time.sleep(dice.random() * 0.3)
            publisher.send_signal(signal.SIGKILL)
        whole = "select count(*), count(distinct version), min(version) from marts."
        (first,), (second,) = (ask(whole + mart) for mart in MARTS)
        assert first == second
        assert first[:2] == (20_000, 1)
    build(project, 0)
    publish(project, Log("text"))
    assert ask("select max(version) from marts.second") == [(0,)]


# -- the role of BI tools


@contextmanager
def role(name: str) -> Iterator[None]:
    ask(f'create role "{name}" login')
    try:
        yield
    finally:
        ask(f'drop owned by "{name}"; drop role "{name}"')


def test_a_bi_role_reads_the_published_schema_and_nothing_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_BI_ROLE", "Bi Reader")
    project = Project(REPOSITORY, {})
    build(project, 0)
    with pytest.raises(ConfigurationError, match='has no such role: create role "Bi Reader"'):
        publish(project, Log("text"))
    with pytest.raises(ConfigurationError, match="has no such role"):
        warehouse_of(project).check()
    assert ask("select to_regnamespace('marts')") == [(None,)]

    ask(
        "create schema bitrix24; create table bitrix24.crm_deal (id text);"
        "create schema crm_staging; create table crm_staging.stg (id text);"
        "create schema crm_intermediate; create table crm_intermediate.int (id text);"
        "create schema crm_test_failures; create table crm_test_failures.t (id text);"
        "create schema crm_quality; create table crm_quality.data_quality_results (id text)"
    )
    with role("Bi Reader"):
        for version in range(2):
            build(project, version)
            publish(project, Log("text"))
            with psycopg.connect(user="Bi Reader", autocommit=True) as reader:
                for mart in MARTS:
                    query = f"select max(version) from marts.{mart}"
                    assert reader.execute(query).fetchone() == (version,)
                for statement in (
                    "select * from bitrix24.crm_deal",
                    "select * from crm_staging.stg",
                    "select * from crm_intermediate.int",
                    "select * from crm_test_failures.t",
                    "select * from crm_quality.data_quality_results",
                    "select * from crm_marts.first",
                    "select * from crm.crm_effect_state",
                    "delete from marts.first",
                    "create table marts.mine ()",
                    "create table public.mine ()",
                    "create schema mine",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        reader.execute(statement)


# -- the lock


def test_one_run_at_a_time(project: Project, on_postgres: dict[str, str]) -> None:
    hold = (
        "from bitrix24_effectiveness.project import Project\n"
        "from bitrix24_effectiveness.warehouse import warehouse_of\n"
        "with warehouse_of(Project.find({})).only_run():\n    print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        answer = run_command("publish", env=on_postgres, cwd=REPOSITORY)
        assert answer.returncode == 3
        assert f"another run (process {holder.pid} on " in answer.stderr
        # another project in the same database
        other = Project(REPOSITORY, {}, {**on_postgres, "CRM_SCHEMA": "other"})
        with warehouse_of(other).only_run():
            pass
        holder.kill()
    while ask("select 1 from pg_locks where locktype = 'advisory'"):
        time.sleep(0.01)
    assert run_command("publish", env=on_postgres, cwd=REPOSITORY).returncode == 1


# -- at the door


def test_a_server_that_cannot_be_reached(project: Project) -> None:
    for name, value, message in (
        ("PGHOST", "/nowhere", "database .* at /nowhere as crm: .*No such file"),
        ("PGUSER", "stranger", 'as stranger: .*role "stranger" does not exist'),
        ("PGDATABASE", "nothing", 'database "nothing" does not exist'),
    ):
        environment = {**project.environment, name: value, "PGPASSWORD": "s3cret"}
        wrong = Project(REPOSITORY, {}, environment)
        with pytest.raises(ConfigurationError, match=f"cannot connect to .*{message}") as failure:
            preflight.check_raw(wrong)
        assert "\n" not in str(failure.value)
        assert "s3cret" not in str(failure.value)


def test_a_server_that_is_too_old(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "OLDEST_VERSION", 99)
    with pytest.raises(ConfigurationError, match=r"is PostgreSQL \d\d: 99 or newer is needed"):
        preflight.check_raw(project)


def test_an_unknown_target() -> None:
    project = Project(REPOSITORY, {}, {"CRM_TARGET": "postgresql"})
    with pytest.raises(ConfigurationError, match="it must be duckdb, postgres, spark"):
        warehouse_of(project)


def test_raw_tables_that_are_not_there(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="has no tables in schema bitrix24"):
        preflight.check_raw(project)
    ask("create schema bitrix24; create table bitrix24.crm_deal (id text, stage_id text)")
    with pytest.raises(ConfigurationError, match=r"table bitrix24.crm_deal in .* has no column"):
        preflight.check_raw(project)
    ask("alter table bitrix24.crm_deal add column date_create timestamptz")
    with pytest.raises(
        ConfigurationError, match=r"no table bitrix24.crm_status, which is required"
    ):
        preflight.check_raw(project)
    ask("create table bitrix24.crm_status (id text, entity_id text, status_id text)")
    preflight.check_raw(project)
    ask("alter table bitrix24.crm_deal add column currency_id text")
    ask("insert into bitrix24.crm_deal (currency_id) values ('rub')")
    strange = Project(REPOSITORY, {"base_currency": "USD"})
    with pytest.raises(ConfigurationError, match="know only RUB"):
        preflight.check_raw(strange)


def test_a_user_who_may_not_make_schemas(project: Project) -> None:
    with role("poor"):
        poor = Project(REPOSITORY, {}, {**project.environment, "PGUSER": "poor"})
        with pytest.raises(ConfigurationError, match=r"poor may not make schemas in .*: grant"):
            warehouse_of(poor).check()


# -- loading files


def test_files_are_loaded_as_text_and_replace_what_was_there(
    on_postgres: dict[str, str], mini: MiniProject, tmp_path: Path
) -> None:
    project = MiniProject(mini.folder, mini.env | on_postgres)
    folder = tmp_path / "dumps"
    folder.mkdir()
    (folder / "crm_deal.csv").write_text(
        'id,stage_id,date_create,title\n007,NEW,2025-01-01,"a ""b"",\nc"\n8,NEW,,\n', "utf-8"
    )
    (folder / "crm_status.jsonl").write_text('{"ID": 1, "NAME": "\\\\N", "SORT": ""}\n', "utf-8")
    duckdb.sql("select true as active, 37.0::double as id, null as name").write_parquet(
        str(folder / "users.parquet")
    )
    ask(
        "create schema bitrix24; create table bitrix24.crm_lead (old text);"
        "create table bitrix24.crm_deal (old text); create table bitrix24.theirs (id text);"
        "create table bitrix24._dlt_pipeline_state (); create table bitrix24.loaded_tables ()"
    )
    answer = project.run("load-files", str(folder))
    assert answer.returncode == 0, answer.stderr
    assert f"they are in database {on_postgres['PGDATABASE']} at " in answer.stderr
    assert ask("select * from bitrix24.crm_deal") == [
        ("007", "NEW", "2025-01-01", 'a "b",\nc'),
        ("8", "NEW", None, None),
    ]
    assert ask("select * from bitrix24.crm_status") == [("1", "\\N", "")]
    assert ask("select active, id, name from bitrix24.users") == [("true", "37.0", None)]
    assert ask(
        "select table_name from information_schema.tables where table_schema = 'bitrix24' "
        "order by 1"
    ) == [("crm_deal",), ("crm_status",), ("theirs",), ("users",)]

    (folder / "crm_deal.csv").write_text("id,stage_id\n1\n", "utf-8")
    assert project.run("load-files", str(folder)).returncode == 2
    assert ask("select count(*) from bitrix24.crm_deal") == [(2,)]
    answer = project.run("demo", "--leads", "1")
    assert (answer.returncode, "is not empty (crm_deal)" in answer.stderr) == (2, True)


# -- runs


@pytest.fixture
def small(on_postgres: dict[str, str], mini: MiniProject, tmp_path: Path) -> MiniProject:
    """The smallest project, with its raw tables on the server."""
    ask(
        "create schema bitrix24; create table bitrix24.crm_deal as select '1' as id, "
        "'NEW' as stage_id, '2025-01-01' as date_create, 'RUB' as currency_id;"
        "create table bitrix24.crm_status as select '1' as id, 'SOURCE' as entity_id, "
        "'CALL' as status_id"
    )
    return MiniProject(mini.folder, mini.env | on_postgres)


def test_a_journal_is_put_beside_the_raw_tables_and_written_again_when_it_changed(
    project: Project, tmp_path: Path
) -> None:
    with psycopg.connect() as connection:
        connection.execute("create schema bitrix24")
        connection.execute("create table bitrix24.crm_deal as select '1' as id")
    shutil.copy(REPOSITORY / "docs/journal/calls.csv", tmp_path)
    shutil.copy(REPOSITORY / "docs/journal/calls.yml", tmp_path)
    counts = {"journal_deals": 0, "journal_requests": 3}
    assert load_journal(project, tmp_path, Log("text")) == counts
    found = "select request_no, answered_at, source_row from bitrix24.journal_requests order by 1"
    rows = [
        ("c1", "2025-03-03 09:40:00", "2"),
        ("c2", "2025-03-03 11:00:00", "3"),
        ("c6", None, "7"),
    ]
    assert ask(found) == rows
    written = "select xmin::text from bitrix24.journal_requests order by 1"
    before = ask(written)
    load_journal(project, tmp_path, Log("text"))
    assert ask(written) == before
    (tmp_path / "calls.csv").write_text(
        (tmp_path / "calls.csv").read_text("utf-8").replace("c6", "c9"), "utf-8"
    )
    load_journal(project, tmp_path, Log("text"))
    assert [row[0] for row in ask(found)] == ["c1", "c2", "c9"]
    assert ask("select id from bitrix24.crm_deal") == [("1",)]


def test_the_guard_finds_what_it_finds_on_duckdb(project: Project, tmp_path: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    of_duckdb = Guarded(tmp_path, now, CRM_TARGET="duckdb")
    before, expected = of_duckdb.check_healthy_and_spoiled(tmp_path)
    with warehouse_of(project).new_raw_tables(may_replace=True) as file:
        shutil.copy(of_duckdb.raw, file)
    assert compared(findings_of(project, now, before)) == compared(expected)


def test_a_failed_test_shows_its_rows_and_publishes_nothing(small: MiniProject) -> None:
    # what is below zero is seen before the build
    small.write(
        "tests/data/rates_are_positive.sql",
        "select * from {{ ref('exchange_rates') }} where rate < 1",
    )
    answer = small.run("run")
    assert "published: 1 marts\n" in answer.stderr
    small.rates.write_text(small.rates.read_text("utf-8") + "EUR,RUB,2025-02-01,0.5\n", "utf-8")
    answer = small.run("build")
    assert answer.returncode == 1
    assert "  currency=EUR, base_currency=RUB, valid_from=2025-02-01, rate=0.5\n" in answer.stderr
    answer = small.run("publish")
    assert (answer.returncode, "the last build failed" in answer.stderr) == (1, True)
    assert ask("select currency from marts.rates") == [("USD",)]


def test_a_build_that_is_killed_publishes_nothing(small: MiniProject) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bitrix24_effectiveness.cli", "build"],
        env=dict(small.env) | {"PATH": ""},
        cwd=small.folder,
        stderr=subprocess.DEVNULL,
    ) as build:
        while ask("select to_regclass('crm.crm_effect_state')") == [(None,)]:
            assert build.poll() is None, "it ended before it began to build"
            time.sleep(0.05)
        build.kill()
    while ask("select 1 from pg_locks where locktype = 'advisory'"):
        time.sleep(0.01)
    answer = small.run("publish")
    assert (answer.returncode, "last build was interrupted" in answer.stderr) == (1, True)


def test_bad_raw_data_stop_the_run_and_no_personal_value_is_shown(small: MiniProject) -> None:
    assert small.run("guard").returncode == 0
    ask(
        "insert into bitrix24.crm_deal select 'Иванов Иван', 'NEW', '+7 900 123-45-67' "
        "from generate_series(1, 20)"
    )
    answer = small.run("run")
    assert answer.returncode == 1
    assert "crm_deal.mostly_readable" in answer.stderr.splitlines()[-1]
    kept = ask(
        "select run_id, is_accepted, to_jsonb(r)::text from crm_quality.data_quality_results r"
    )
    assert {is_accepted for _, is_accepted, _ in kept} == {True, False}
    for text in (answer.stderr, *(row for _, _, row in kept)):
        assert "Иванов" not in text
        assert "900 123" not in text


def test_a_run_of_the_demo_publishes_what_duckdb_publishes(
    demo_portal: Built, on_postgres: dict[str, str]
) -> None:
    env = on_postgres | {"CRM_BI_ROLE": "bi"}
    answer = run_command("demo", "--leads", "400", "--seed", "1", env=env, cwd=REPOSITORY)
    assert answer.returncode == 0, answer.stderr
    with role("bi"):
        answer = run_command("run", "--lang", "ru", env=env, cwd=REPOSITORY)
        assert answer.returncode == 0, answer.stderr
        assert "Вывод: " in answer.stdout
        with psycopg.connect(user="bi", autocommit=True) as reader:
            expected = duckdb_reader(demo_portal.env["CRM_WAREHOUSE_DB"])
            got = postgres_reader(reader, "marts")
            assert next(differences(expected, got, mart_keys()), None) is None
            # all that dbt, guard and demo made
            hidden = ask(
                "select format('%I.%I', schemaname, relname) from pg_stat_user_tables "
                "where schemaname <> 'marts' union all "
                "select format('%I.%I', schemaname, viewname) from pg_views "
                "where schemaname like 'crm%'"
            )
            assert len(hidden) > 100
            for (relation,) in hidden:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"select * from {relation} limit 1")
        # what another build would have made
        ask(
            "update crm_marts.metric_values set value = value * 1.2 where metric_code = "
            "'average_deal_size' and metric_key like '%|month|2026-03-01|all|all';"
            "delete from crm_marts.fct_deals where won_date between '2026-03-01' and '2026-03-31';"
            "insert into crm_marts.alerts values "
            "('size', 'average_deal_size', 'all', 'all', 'above', 1)"
        )
        project = Project(REPOSITORY, {})
        state = warehouse_of(project).read_state()
        record(project, "passed", state["marts"], state["settings"])
        publication = publish(project, Log("text"))
        changes = publication.changes
        assert [alert.alert_id for alert in publication.alerts] == ["size"]
        assert ask("select alert_id, low, high from marts.metric_alerts") == [("size", None, 1)]
        assert publish(project, Log("text")).alerts == []
        assert changes is not None
        assert changes.figures == 1
        ((code, pct, why, how),) = ask(
            "select metric_code, round(change_pct), why, how_known from marts.metric_changes"
        )
        assert (code, pct, why) == ("average_deal_size", 20, "deleted_rows")
        assert how == "rows of its dates that are no longer there: 3"


# -- reading what is published


def said(answer: Answer) -> list[Any]:
    """Without the clock, and without the lines that say where marts and page are."""
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    if lines[0].startswith("{"):
        told = [{**json.loads(line), "time": None} for line in lines]
        return [line for line in told if line["event"] != "page"]
    places = ("Витрины:", "Marts:", "Parquet:", "Подключение:", "To connect:")
    return [line for line in lines if not line.startswith(places)]


def test_report_and_explain_say_the_same_of_the_same_marts(
    demo_portal: Built, on_postgres: dict[str, str]
) -> None:
    with duckdb.connect() as marts, psycopg.connect() as connection:
        marts.execute(f"attach '{demo_portal.env['CRM_MARTS_DB']}' as published (read_only)")
        marts.execute("use published.marts")
        connection.execute("create schema marts")
        for (table,) in marts.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall():
            postgres.copy(marts, table, connection, f"marts.{table}")
    here = MiniProject(REPOSITORY, demo_portal.env | {"CRM_TARGET": "duckdb"})
    there = MiniProject(REPOSITORY, demo_portal.env | on_postgres)
    questions = [("--log-format", "json", "report")]
    for language in ("ru", "en"):
        questions += [("report", "--lang", language)]
        questions += [("explain", code, "--lang", language) for code in SEGMENT_TYPES]
    questions += [("explain", code, "--period", "2026-Q3") for code in SEGMENT_TYPES]
    for question in questions:
        assert said(there.run(*question)) == said(here.run(*question)), question
    pages = [Path(env["CRM_MARTS_DB"]).with_name("report.html") for env in (here.env, there.env)]
    assert pages[0] != pages[1]
    assert pages[1].read_text("utf-8") == pages[0].read_text("utf-8")


def test_nothing_is_published(small: MiniProject) -> None:
    for command in (("report",), ("explain", "cac")):
        answer = small.run(*command)
        assert answer.returncode == 2
        assert "nothing is published in schema marts of database " in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_runs_are_kept_and_published_and_their_age_is_told(small: MiniProject) -> None:
    answer = small.run("status", "--max-age", "1")
    assert (answer.returncode, answer.stderr) == (1, "error: nothing is published\n")
    for _ in range(2):
        # the report needs marts that are not here
        assert small.run("run").returncode == 4
    phases = ["check", "guard", "build", "publish"]
    kept = ask("select phase, status from crm_quality.run_history order by started_at")
    assert kept == [(phase, "ok") for phase in phases * 2]
    published = ask("select phase from marts.run_history order by started_at")
    assert published == [(phase,) for phase in [*phases, *phases[:3]]]
    assert ask("select count(distinct run_id) from marts.model_timings") == [(2,)]
    assert not ask(
        "select attname from pg_attribute where attrelid in "
        "('marts.run_history'::regclass, 'marts.model_timings'::regclass) and attnum > 0 "
        "and col_description(attrelid, attnum) is null"
    )
    small.write("tests/data/rates_are_positive.sql", "select * from {{ ref('exchange_rates') }}")
    assert small.run("run").returncode == 1
    answer = small.run("--log-format", "json", "status", "--max-age", "1")
    assert answer.returncode == 0
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert told[0]["age_hours"] < 1
    results = [one["result"] for one in told if one["event"] == "past_run"]
    assert results == ["failed", "published", "published"]
