"""A run on unchanged input does nothing; whatever it reads makes it build again when it changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.build import record
from bitrix24_effectiveness.files import remove
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish
from bitrix24_effectiveness.unchanged import fingerprint_of, is_published, remember
from running import MiniProject, long

NOTHING = "nothing to build, nothing to publish"
BUILT = "built and tested"


def project_of(mini: MiniProject, given_vars: dict | None = None, **env: str) -> Project:
    environment = dict(os.environ) | mini.env | {"DBT_PROFILES_DIR": ""} | env
    return Project(mini.folder, given_vars or {}, environment)


def unchanged(project: Project) -> bool:
    return is_published(project, fingerprint_of(project))


@pytest.fixture
def published(mini: MiniProject) -> Project:
    """A run that went well, without the time that dbt would take."""
    project = project_of(mini)
    fingerprint = fingerprint_of(project)
    with duckdb.connect(str(project.warehouse_db)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.facts as select 1 as fact")
    record(project, "passed", ["facts"])
    publish(project, Log("text"))
    remember(project, fingerprint)
    return project


def test_the_second_run_has_nothing_to_do_unless_it_is_forced(mini: MiniProject) -> None:
    first = mini.run("run")
    assert BUILT in first.stderr
    second = mini.run("run")
    assert NOTHING in second.stderr
    assert "guarded" not in second.stderr
    assert BUILT not in second.stderr
    # of a portal that is said to be another one, nothing is known
    for option in ("--force", "--new-portal"):
        assert BUILT in mini.run("run", option).stderr
    mini.rates.write_text(mini.rates.read_text("utf-8") + "EUR,RUB,2025-01-01,105.43\n", "utf-8")
    assert BUILT in mini.run("run").stderr
    assert NOTHING in mini.run("run").stderr


@long
def test_after_a_rollback_the_next_run_publishes_anew(mini: MiniProject) -> None:
    def rates() -> list[tuple]:
        with duckdb.connect(mini.env["CRM_MARTS_DB"], read_only=True) as connection:
            return connection.execute("select count(*) from marts.rates").fetchall()

    mini.run("run")
    mini.rates.write_text(mini.rates.read_text("utf-8") + "EUR,RUB,2025-01-01,105.43\n", "utf-8")
    mini.run("run")
    assert NOTHING in mini.run("run").stderr
    shown = mini.run("rollback", "--list").stderr
    assert ["current" in line for line in shown.splitlines()] == [True, False]
    assert rates() == [(2,)]
    answer = mini.run("rollback", "--lang", "ru")
    assert answer.returncode in (0, 4)  # the page needs marts that are not here
    assert "снова действует публикация от" in answer.stderr
    assert rates() == [(1,)]
    # older than the run that found it unchanged, which was another publication
    told = mini.run("--log-format", "json", "status").stdout
    assert json.loads(told.splitlines()[0])["unchanged_at"] is None
    assert "rolled back" in mini.run("status").stdout
    assert BUILT in mini.run("run").stderr
    assert rates() == [(2,)]
    assert mini.run("rollback", "--to", "1999").returncode == 2


def test_what_did_not_change_is_not_built_again(published: Project) -> None:
    assert unchanged(published)
    # nobody but the terminal reads these
    for name, value in {"LANG": "ru_RU.UTF-8", "COLUMNS": "200"}.items():
        env = published.environment | {name: value}
        assert unchanged(Project(published.directory, {}, env))


def _insert_raw(project: Project) -> None:
    with duckdb.connect(str(project.raw_db)) as connection:
        connection.execute("insert into bitrix24.crm_deal select * from bitrix24.crm_deal")


def _rewrite_raw(project: Project) -> None:
    """With the same size and the same time of change, as a restored copy would have."""
    stat = project.raw_db.stat()
    content = bytearray(project.raw_db.read_bytes())
    content[-1] ^= 1
    project.raw_db.write_bytes(content)
    os.utime(project.raw_db, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _append(*names: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        path = project.directory.joinpath(*names)
        path.write_text((path.read_text("utf-8") if path.exists() else "") + "\n", "utf-8")

    return change


def _build_failed(project: Project) -> None:
    record(project, "failed")


CHANGES: dict[str, Callable[[Project], None]] = {
    "rows of a raw table": _insert_raw,
    "bytes of the raw file behind the back of its times": _rewrite_raw,
    "raw changes not yet in the file": lambda p: Path(f"{p.raw_db}.wal").write_bytes(b"new"),
    "a seed": _append("seeds", "exchange_rates.csv"),
    "another seed": _append("seeds", "more.csv"),
    "a model": _append("models", "marts", "rates.sql"),
    "a macro": _append("macros", "raw", "parse_id.sql"),
    "a test": _append("tests", "data", "rates_are_positive.sql"),
    "the project": _append("dbt_project.yml"),
    "the profile": _append("profiles.yml"),
    "settings": _append(".env"),
    "an expectation": _append("great_expectations", "crm_deal.yml"),
    "the warehouse is gone": lambda p: p.warehouse_db.unlink(),
    "a build has failed since": _build_failed,
    "the published file is gone": lambda p: p.marts_db.unlink(),
    "the published file was touched": lambda p: p.marts_db.chmod(0o644),
    "a Parquet file is gone": lambda p: (p.parquet_dir / "facts.parquet").unlink(),
    "all Parquet files are gone": lambda p: remove(p.parquet_dir),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_a_run_reads_or_leaves_makes_it_build_again(published: Project, what: str) -> None:
    CHANGES[what](published)
    assert not unchanged(published)


@pytest.mark.parametrize(
    ("given_vars", "env"),
    [
        ({"client_inactivity_days": 90}, {}),
        ({"as_of": "2026-05-01"}, {}),
        ({}, {"CRM_TARGET_NAME": "other"}),
        ({}, {"DBT_TARGET": "other"}),
    ],
)
def test_other_vars_and_another_environment_make_it_build_again(
    mini: MiniProject, published: Project, given_vars: dict, env: dict
) -> None:
    assert not unchanged(project_of(mini, given_vars, **env))


def test_a_variable_that_the_profile_reads_counts_whatever_its_name(mini: MiniProject) -> None:
    project = project_of(mini, MEMORY="1GB")
    profile = project.profiles_dir / "profiles.yml"
    profile.write_text(profile.read_text("utf-8") + "# {{ env_var('MEMORY') }}\n", "utf-8")
    assert fingerprint_of(project) == fingerprint_of(project_of(mini, MEMORY="1GB"))
    assert fingerprint_of(project) != fingerprint_of(project_of(mini, MEMORY="2GB"))


def test_where_age_is_judged_nothing_is_known_to_be_equal(mini: MiniProject) -> None:
    assert fingerprint_of(project_of(mini, {"raw_max_age_hours": 24})) is None
    assert not is_published(project_of(mini), None)


def test_on_a_server_nothing_is_known_to_be_equal(mini: MiniProject) -> None:
    assert fingerprint_of(project_of(mini, CRM_TARGET="postgres")) is None
