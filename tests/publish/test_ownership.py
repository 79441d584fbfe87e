"""Nothing that somebody else made is ever replaced: not by marts, a demo portal or raw tables."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness import duckdb_file
from bitrix24_effectiveness.build import record
from bitrix24_effectiveness.errors import AnotherRunError, ConfigurationError
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish
from running import REPOSITORY, MiniProject, databases, write_raw


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Project]:
    """A project that was built, and whose marts may be published; takes other variables."""

    def of(**environment: str) -> Project:
        for name, value in (databases(tmp_path) | environment).items():
            monkeypatch.setenv(name, value)
        return Project(REPOSITORY, {})

    built = of()
    write_raw(built.raw_db)
    make(built.warehouse_db, "create schema marts", "create table marts.facts as select 1 as one")
    record(built, "passed", ["facts"])
    return of


def make(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def contents(path: Path) -> bytes:
    return path.read_bytes()


# -- the published marts


@pytest.mark.parametrize(
    "name",
    ["raw.duckdb", "warehouse.duckdb", "RAW.duckdb", "link.duckdb", "there/../raw.duckdb", "hard"],
)
def test_marts_are_never_published_over_another_file_of_the_run(
    project: Callable[..., Project], tmp_path: Path, name: str
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "raw.duckdb")
    os.link(tmp_path / "raw.duckdb", tmp_path / "hard")
    before = contents(tmp_path / "raw.duckdb"), contents(tmp_path / "warehouse.duckdb")
    with pytest.raises(ConfigurationError, match="would be the same place"):
        publish(project(CRM_MARTS_DB=str(tmp_path / name)), Log("text"))
    assert before == (contents(tmp_path / "raw.duckdb"), contents(tmp_path / "warehouse.duckdb"))
    assert not (tmp_path / "RAW.duckdb").exists()


@pytest.mark.parametrize("name", ["crm", "raw.duckdb.marts"])
def test_the_link_to_the_parquet_files_takes_the_place_of_no_database(
    project: Callable[..., Project], tmp_path: Path, name: str
) -> None:
    before = contents(tmp_path / "raw.duckdb")
    with pytest.raises(ConfigurationError, match="the Parquet files beside CRM_MARTS_DB"):
        publish(project(CRM_MARTS_DB=str(tmp_path / name)), Log("text"))
    assert contents(tmp_path / "raw.duckdb") == before


def test_a_link_of_somebody_elses_is_not_replaced(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "crm").symlink_to(tmp_path / "mine")
    with pytest.raises(ConfigurationError, match="is in the way"):
        publish(project(), Log("text"))
    assert (tmp_path / "crm").resolve() == tmp_path / "mine"


@pytest.mark.parametrize(
    ("statements", "shown"),
    [
        (["create table orders as select 1"], "it holds main.orders"),
        (["create schema marts", "create view marts.facts_of_mine as select 1"], "facts_of_mine"),
        (["create macro twice(x) as 2 * x"], "main.twice"),
        (["create sequence numbers"], "main.numbers"),
        (["create type mood as enum ('good')"], "main.mood"),
        ([f"create table t{number} as select 1" for number in range(9)], "main.t4, ...; name"),
    ],
)
def test_a_database_that_holds_something_else_is_not_replaced(
    project: Callable[..., Project], tmp_path: Path, statements: list[str], shown: str
) -> None:
    make(tmp_path / "crm.duckdb", *statements)
    before = contents(tmp_path / "crm.duckdb")
    with pytest.raises(ConfigurationError, match="is not what crm-effect published") as refused:
        publish(project(), Log("text"))
    assert shown in str(refused.value)
    assert contents(tmp_path / "crm.duckdb") == before


def test_a_table_that_somebody_added_to_published_marts_is_not_lost(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    publish(project(), Log("text"))
    (tmp_path / "crm.duckdb").chmod(0o600)
    make(tmp_path / "crm.duckdb", "create table marts.of_mine as select 1")
    with pytest.raises(ConfigurationError, match=r"it holds marts\.of_mine"):
        publish(project(), Log("text"))


def test_what_was_published_says_so_and_is_replaced(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    publish(project(), Log("text"))
    with duckdb.connect(str(tmp_path / "crm.duckdb"), read_only=True) as connection:
        version, run, holds = connection.sql(
            "select version, cast(run as timestamptz) <= now(), holds from crm_effect.publication"
        ).fetchone()
    assert (version, run, holds) == (project().version, True, ["marts.facts"])
    # a mart that the next version no longer has
    make(tmp_path / "warehouse.duckdb", "alter table marts.facts rename to figures")
    record(project(), "passed", ["figures"])
    publish(project(), Log("text"))
    with duckdb.connect(str(tmp_path / "crm.duckdb"), read_only=True) as connection:
        assert connection.sql("select * from marts.figures").fetchall() == [(1,)]


def test_marts_of_an_older_version_without_the_mark_are_replaced(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    make(tmp_path / "crm.duckdb", "create schema marts", "create table marts.facts as select 0")
    publish(project(), Log("text"))
    with duckdb.connect(str(tmp_path / "crm.duckdb"), read_only=True) as connection:
        assert connection.sql("select * from marts.facts").fetchall() == [(1,)]


def test_a_run_says_so_before_it_builds_anything(mini: MiniProject, tmp_path: Path) -> None:
    make(tmp_path / "crm.duckdb", "create table orders as select 1")
    for command in ("run", "build", "guard"):
        answer = mini.run(command)
        assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
        assert "is not what crm-effect published" in answer.stderr
        answer = mini.run(command, CRM_MARTS_DB=mini.env["CRM_RAW_DB"])
        assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
        assert "CRM_RAW_DB and CRM_MARTS_DB would be the same place" in answer.stderr


# -- demo portals and raw tables


def test_a_demo_portal_replaces_a_demo_portal_and_nothing_else(
    mini: MiniProject, tmp_path: Path
) -> None:
    raw = tmp_path / "raw.duckdb"
    before = contents(raw)
    for arguments in ((), ("--out", str(raw))):
        answer = mini.run("demo", "--leads", "5", *arguments)
        assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
        assert f"{raw} is not a demo portal, so it is not replaced" in answer.stderr
        assert contents(raw) == before

    raw.unlink()
    for leads in (5, 6):
        # without --out: where the raw database is, wherever the command is run
        answer = mini.run("demo", "--leads", str(leads))
        assert (answer.returncode, str(raw) in answer.stdout) == (0, True)
        with duckdb.connect(str(raw), read_only=True) as connection:
            assert connection.sql("select leads from crm_effect.demo_portal").fetchone() == (leads,)
    assert not (mini.folder / "data").exists()

    make(raw, "create table bitrix24.of_mine as select 1")
    answer = mini.run("demo")
    assert (answer.returncode, "it holds bitrix24.of_mine" in answer.stderr) == (2, True)


def test_a_demo_portal_is_not_written_over_the_warehouse(mini: MiniProject) -> None:
    answer = mini.run("demo", CRM_RAW_DB=mini.env["CRM_WAREHOUSE_DB"])
    assert "CRM_RAW_DB and CRM_WAREHOUSE_DB would be the same place" in answer.stderr


def test_loaded_files_replace_raw_tables_and_nothing_else(
    mini: MiniProject, tmp_path: Path
) -> None:
    folder, raw = tmp_path / "dump", tmp_path / "raw.duckdb"
    folder.mkdir()
    (folder / "crm_deal.csv").write_text("ID,STAGE_ID,DATE_CREATE\n1,NEW,2025-01-01\n", "utf-8")
    (folder / "crm_status.csv").write_text("ID,ENTITY_ID,STATUS_ID\n1,STATUS,NEW\n", "utf-8")
    assert mini.run("load-files", str(folder)).returncode == 0
    raw.unlink()
    assert mini.run("demo", "--leads", "5").returncode == 0
    assert mini.run("load-files", str(folder)).returncode == 0

    make(raw, "create table orders as select 1")
    before = contents(raw)
    for arguments in ((), ("--out", str(raw))):
        answer = mini.run("load-files", str(folder), *arguments)
        assert (answer.returncode, "it holds main.orders" in answer.stderr) == (2, True)
        assert contents(raw) == before

    outside = tmp_path / "secret.csv"
    outside.write_text("ID\n1\n", "utf-8")
    (folder / "users.csv").symlink_to(outside)
    answer = mini.run("load-files", str(folder), "--out", str(tmp_path / "new.duckdb"))
    assert (answer.returncode, "users.csv is a link out of" in answer.stderr) == (2, True)


# -- files that are broken, or something else


def test_a_file_that_is_no_database_is_not_replaced(
    project: Callable[..., Project], tmp_path: Path
) -> None:
    path = tmp_path / "crm.duckdb"
    path.write_text("my notes " * 1000, "utf-8")
    with pytest.raises(ConfigurationError, match="is not a DuckDB database file"):
        publish(project(), Log("text"))
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="is in the way, it is no file"):
        publish(project(), Log("text"))


def broken(path: Path, how: str) -> None:
    make(path, "create table numbers as select i from range(300000) as t(i)")
    whole = path.read_bytes()
    match how:
        case "half":
            path.write_bytes(whole[: len(whole) // 2])
        case "first block":
            path.write_bytes(whole[:30] + b"?" + whole[31:])
        case "sqlite":
            path.unlink()
            with sqlite3.connect(path) as connection:
                connection.execute("create table numbers (i)")
            connection.close()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("half", "is corrupted"),
        ("first block", "is corrupted"),
        ("sqlite", "is an SQLite database"),
    ],
)
@pytest.mark.parametrize("variable", ["CRM_RAW_DB", "CRM_WAREHOUSE_DB", "CRM_MARTS_DB"])
def test_a_broken_file_is_called_by_its_name_and_never_in_use(
    mini: MiniProject, variable: str, how: str, said: str
) -> None:
    path = Path(mini.env[variable])
    path.unlink(missing_ok=True)
    broken(path, how)
    answer = mini.run("build")
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1)
    assert f"{path} {said}" in answer.stderr


def test_a_file_of_another_version_of_duckdb_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "newer.duckdb"
    # the first bytes that DuckDB 2.0.1 wrote, and what 1.5.6 says of them
    path.write_bytes(bytes(8) + b"DUCK" + bytes(40) + b"v2.0.1" + bytes(100))
    error = duckdb.IOException(
        "IO Error: Trying to read a database file with version number 69, but we can only read "
        "versions between 64 and 68."
    )
    said = str(duckdb_file.explained(path, error))
    assert f"was written by DuckDB v2.0.1, which this one ({duckdb.__version__}) cannot" in said


def test_a_file_that_another_process_has_open_is_in_use() -> None:
    error = duckdb.IOException(
        'IO Error: Could not set lock on file "x": Conflicting lock is held in python (PID 7).'
    )
    said = duckdb_file.explained(Path("x"), error)
    assert isinstance(said, AnotherRunError)
    assert "in use by process 7" in str(said)
