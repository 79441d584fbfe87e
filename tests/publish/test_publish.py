"""What BI reads is whole and tested at every moment, whatever happens to the process."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.build import record
from bitrix24_effectiveness.errors import ConfigurationError, DataError
from bitrix24_effectiveness.files import remove
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish, rollback
from bitrix24_effectiveness.warehouse import warehouse_of
from running import REPOSITORY, Built, databases, long

# two tables with one version number each: a mixture of two publications would show
PUBLISH_FOR_EVER = """
import duckdb
from bitrix24_effectiveness.build import record
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish, rollback

project = Project.find({})
for version in range(1, 10_000):
    with duckdb.connect(str(project.warehouse_db)) as connection:
        connection.execute("create schema if not exists marts")
        for table in ("first", "second"):
            connection.execute(
                f"create or replace table marts.{table} as "
                f"select {version} as version, i from range(20_000) as t(i)"
            )
    record(project, "passed", ["first", "second"])
    publish(project, Log("text"))
    print("published", flush=True)
    if version > 1:
        rollback(project, Log("text"))
"""

MARK = "By this crm-effect knows the file as its own, which a later run may replace."


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in databases(tmp_path).items():
        monkeypatch.setenv(name, value)
    project = Project(REPOSITORY, {})
    write_warehouse(project, 1)
    return project


def write_warehouse(project: Project, version: int) -> None:
    with duckdb.connect(str(project.warehouse_db)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            "create or replace table marts.facts (version integer not null, note varchar)"
        )
        connection.execute("insert into marts.facts values (?, 'it''s')", [version])
        connection.execute("comment on table marts.facts is 'One row per fact; it''s small.'")
        connection.execute("comment on column marts.facts.version is 'Which build'")
        connection.execute("create schema if not exists intermediate")
        connection.execute("create or replace table intermediate.hidden as select 1 as one")
        connection.execute("create or replace table marts.of_a_model_that_is_no_more as select 1")
    record(project, "passed", ["facts"])


def published(project: Project, query: str) -> list[tuple]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{project.marts_db}' as published (read_only)")
        connection.execute("use published.marts")
        return connection.execute(query).fetchall()


def test_marts_and_only_they_are_published_with_their_contract(project: Project) -> None:
    publish(project, Log("text"))
    assert published(project, "select * from facts") == [(1, "it's")]
    assert published(project, "select schema_name, table_name, comment from duckdb_tables()") == [
        ("crm_effect", "publication", MARK),
        ("marts", "facts", "One row per fact; it's small."),
    ]
    assert published(
        project,
        "select column_name, is_nullable, comment from duckdb_columns() "
        "where table_name = 'facts' order by column_index",
    ) == [("version", False, "Which build"), ("note", True, None)]
    assert duckdb.read_parquet(str(project.parquet_dir / "facts.parquet")).fetchall() == [
        (1, "it's")
    ]


@pytest.mark.parametrize(
    ("given", "of_files", "of_folders"),
    [("", 0o400, 0o700), ("0640", 0o440, 0o750), ("644", 0o444, 0o755)],
)
def test_nobody_may_write_to_what_is_published_and_only_the_chosen_may_read(
    project: Project, monkeypatch: pytest.MonkeyPatch, given: str, of_files: int, of_folders: int
) -> None:
    monkeypatch.setenv("CRM_MARTS_MODE", given)
    project = Project(REPOSITORY, {})
    publish(project, Log("text"))
    folder = project.parquet_dir.resolve()
    modes = {
        path: path.stat().st_mode & 0o777
        for path in (project.marts_db, folder / "facts.parquet", folder, folder.parent)
    }
    assert list(modes.values()) == [of_files, of_files, of_folders, of_folders]


def test_a_reader_goes_on_reading_what_it_opened(project: Project) -> None:
    publish(project, Log("text"))
    parquet = (project.parquet_dir / "facts.parquet").resolve()
    with duckdb.connect(str(project.marts_db), read_only=True) as reader:
        write_warehouse(project, 2)
        publish(project, Log("text"))
        query = "select version from marts.facts"
        assert reader.execute(query).fetchall() == [(1,)]
    assert duckdb.read_parquet(str(parquet)).fetchall()[0][0] == 1
    assert published(project, "select version from facts") == [(2,)]


def publish_version(project: Project, version: int) -> None:
    write_warehouse(project, version)
    publish(project, Log("text"))


def versions_of(project: Project) -> tuple[int, int]:
    """What both forms of the published marts hold; they are of one publication."""
    (row,) = duckdb.read_parquet(str(project.parquet_dir / "facts.parquet")).fetchall()
    return published(project, "select version from facts")[0][0], row[0]


@pytest.mark.parametrize("keep", [1, 3])
def test_so_many_publications_are_kept_and_older_ones_do_not_pile_up(
    project: Project, monkeypatch: pytest.MonkeyPatch, keep: int
) -> None:
    monkeypatch.setenv("CRM_KEEP", str(keep))
    project = Project(REPOSITORY, {})
    for version in range(1, 6):
        publish_version(project, version)
    there = list((project.parquet_dir.parent / ".crm.versions").iterdir())
    # the folder before stays for readers that are half-way, whatever is kept
    assert sum(path.is_dir() for path in there) == max(keep, 2)
    assert sum(path.is_file() for path in there) == keep - 1
    assert not list(project.marts_db.parent.rglob("*unfinished*"))
    assert len(warehouse_of(project).publications()) == keep - 1


def test_an_older_publication_is_made_current_and_the_newer_one_can_be_had_back(
    project: Project,
) -> None:
    for version in (1, 2, 3):
        publish_version(project, version)
    newest = warehouse_of(project).publication()
    with duckdb.connect(str(project.marts_db), read_only=True) as reader:
        rollback(project, Log("text"))
        # a reader goes on reading what it opened
        assert reader.execute("select version from marts.facts").fetchall() == [(3,)]
    assert versions_of(project) == (2, 2)
    assert project.marts_db.stat().st_mode & 0o777 == 0o400
    rollback(project, Log("text"))
    assert versions_of(project) == (1, 1)
    with pytest.raises(ConfigurationError, match=r"T.*, .*T.*; none that is older"):
        rollback(project, Log("text"))
    rollback(project, Log("text"), newest.isoformat())
    assert versions_of(project) == (3, 3)
    with pytest.raises(ConfigurationError, match="not one that begins with 1999"):
        rollback(project, Log("text"), "1999")
    # of several that begin so none is chosen
    with pytest.raises(ConfigurationError, match="not one that begins with 20"):
        rollback(project, Log("text"), "20")
    publish_version(project, 4)
    assert versions_of(project) == (4, 4)
    assert not list(project.marts_db.parent.rglob("*unfinished*"))


def test_where_a_disk_knows_no_second_names_publications_are_kept_as_copies(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    publish_version(project, 1)
    publish_version(project, 2)
    rollback(project, Log("text"))
    assert versions_of(project) == (1, 1)


def test_what_is_kept_and_broken_is_not_made_current(project: Project) -> None:
    publish_version(project, 1)
    publish_version(project, 2)
    (kept,) = (project.parquet_dir.parent / ".crm.versions").glob("*.duckdb")
    remove(kept.with_suffix(""))
    with pytest.raises(ConfigurationError, match="is not whole"):
        rollback(project, Log("text"))
    kept.chmod(0o600)
    kept.write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="not a DuckDB database"):
        rollback(project, Log("text"))
    assert versions_of(project) == (2, 2)


def test_with_one_publication_there_is_none_to_go_back_to(project: Project) -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="kept: none; none that is older"):
            rollback(project, Log("text"))
        publish_version(project, 1)


@pytest.mark.parametrize("status", ["failed", "running"])
def test_a_build_that_did_not_pass_is_not_published(project: Project, status: str) -> None:
    publish(project, Log("text"))
    write_warehouse(project, 2)
    record(project, status)
    with pytest.raises(DataError, match="not published: the last build"):
        publish(project, Log("text"))
    assert published(project, "select version from facts") == [(1,)]


def test_a_warehouse_that_was_changed_after_its_tests_is_not_published(project: Project) -> None:
    with duckdb.connect(str(project.warehouse_db)) as connection:
        connection.execute("update marts.facts set version = 99")
    with pytest.raises(DataError, match="changed after the last"):
        publish(project, Log("text"))
    assert not project.marts_db.exists()


def test_nothing_was_built(project: Project) -> None:
    project.warehouse_db.unlink()
    with pytest.raises(DataError, match="run `crm-effect build` first"):
        publish(project, Log("text"))


def test_a_folder_in_the_way_is_not_removed(project: Project) -> None:
    project.parquet_dir.mkdir()
    (project.parquet_dir / "mine.txt").write_text("keep", "utf-8")
    with pytest.raises(Exception, match="is in the way"):
        publish(project, Log("text"))
    assert (project.parquet_dir / "mine.txt").exists()
    assert not project.marts_db.exists()


@long
def test_killed_at_any_moment_the_last_publication_is_whole(project: Project) -> None:
    write_warehouse(project, 0)
    dice = random.Random(24)
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", PUBLISH_FOR_EVER], stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as publisher:
            assert publisher.stdout.readline() == b"published\n"
            time.sleep(dice.random() * 0.3)
            publisher.send_signal(signal.SIGKILL)
        whole = "select count(*), min(version), max(version) from "
        assert published(project, whole + "first") == published(project, whole + "second")
        assert published(project, whole + "first")[0][0] == 20_000
        folder = project.parquet_dir.resolve()
        first, second = (
            duckdb.sql(f"{whole} '{folder / table}.parquet'").fetchall()
            for table in ("first", "second")
        )
        assert first == second
        assert first[0][0] == 20_000


def test_every_published_table_and_column_says_what_it_is(demo_portal: Built) -> None:
    for kind in ("tables", "columns"):
        assert not published(
            demo_portal.project,
            f"select * from duckdb_{kind}() where database_name = 'published' "
            "and schema_name = 'marts' and coalesce(comment, '') = ''",
        )
