"""A project that has this one as a dbt package: examples/extend, as its README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.unchanged import fingerprint_of
from running import REPOSITORY, Answer, Built, linked_checkout, long, run_command

pytestmark = long

EXAMPLE = REPOSITORY / "examples/extend"
OWN = "revenue_by_week"


class Extension:
    """The example in a checkout of its own, where it writes to its own folder as anybody's does."""

    def __init__(self, folder: Path) -> None:
        self.folder = linked_checkout(folder / "checkout") / "examples/extend"
        # defaults everywhere: what a test sets for all is not for a stranger
        self.env = {
            name: ""
            for name in os.environ
            if name.startswith("CRM_") or name in ("DBT_PROFILES_DIR", "BITRIX24_WEBHOOK_URL")
        } | {"DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs", "LC_ALL": "C.UTF-8"}

    def crm_effect(self, *arguments: str, **env: str) -> Answer:
        return run_command(*arguments, env=self.env | env, cwd=self.folder)

    def dbt(self, *arguments: str, **env: str) -> Answer:
        found = {name: value for name, value in self.env.items() if value} | env
        others = {name: value for name, value in os.environ.items() if name not in self.env}
        return subprocess.run(
            [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments],
            env=others | found,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def project(self) -> Project:
        return Project(self.folder, {}, {"DBT_PROFILES_DIR": "", "CRM_SEEDS_DIR": ""})

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Extension:
    """With the package installed as the README says; nothing is built yet."""
    found = Extension(tmp_path_factory.mktemp("extension"))
    answer = found.dbt("deps")
    assert answer.returncode == 0, answer.stdout
    return found


@pytest.fixture(scope="module")
def run(extension: Extension) -> Answer:
    """`crm-effect demo` and `crm-effect run` in its folder."""
    demo = extension.crm_effect("demo", "--leads", "400", "--seed", "1")
    assert demo.returncode == 0, demo.stderr
    answer = extension.crm_effect("run", "--lang", "en")
    assert answer.returncode == 0, answer.stderr
    return answer


@pytest.fixture(scope="module")
def published(
    extension: Extension, run: Answer, demo_portal: Built
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the extension has published, beside what the project itself publishes of that portal."""
    with duckdb.connect() as connection:
        for name, file in {
            "extended": extension.folder / "data/crm.duckdb",
            "plain": demo_portal.project.marts_db,
        }.items():
            connection.execute(f"attach '{file}' as {name} (read_only)")
        yield connection


def tables(connection: duckdb.DuckDBPyConnection, database: str) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = ?",
            [database],
        ).fetchall()
    )


# kept over runs by `crm-effect run`, and what says where the data came from
OF_THE_RUN = {
    *("run_history", "model_timings", "verdict_history", "metric_changes", "metric_alerts"),
    *("run_settings", "publication"),
}


def test_marts_land_where_they_always_do_and_own_ones_beside_them(
    published: duckdb.DuckDBPyConnection,
) -> None:
    plain, extended = tables(published, "plain"), tables(published, "extended")
    own = {name for name in extended - plain if name[1] not in OF_THE_RUN}
    assert own == {("marts", OWN)}
    assert plain - extended == set()


def test_the_package_gives_the_marts_that_the_project_gives(
    published: duckdb.DuckDBPyConnection,
) -> None:
    compared = 0
    for schema, table in sorted(tables(published, "plain")):
        if table in OF_THE_RUN:
            continue
        ours, theirs = (f"select * from {name}.{schema}.{table}" for name in ("plain", "extended"))
        for one, other in ((ours, theirs), (theirs, ours)):
            rest = f"select count(*) from ({one} except all {other})"
            assert published.execute(rest).fetchone() == (0,), table
        compared += 1
    assert compared > 40


def test_own_marts_are_built_of_the_packages_with_a_column_of_their_own(
    published: duckdb.DuckDBPyConnection,
) -> None:
    own = published.execute(
        f"select sum(deals), sum(revenue), count(distinct deal_type), max(isodow(week_start)) "
        f"from extended.marts.{OWN}"
    ).fetchone()
    won = published.execute(
        "select count(*), sum(amount) from plain.marts.fct_deals where state = 'won'"
    ).fetchone()
    assert own == (*won, 1, 1)
    sizes = f"select count(*) from extended.marts.{OWN} where deal_type = 'SALE'"
    assert published.execute(f"{sizes} and average_deal_size = revenue / deals").fetchone()[0] > 40


def test_own_marts_are_described_for_bi(published: duckdb.DuckDBPyConnection) -> None:
    (comment,) = published.execute(
        "select comment from duckdb_tables() where database_name = 'extended' and table_name = ?",
        [OWN],
    ).fetchone()
    assert comment.startswith("One row per week, channel and type of deal")


def test_the_summary_is_that_of_the_demo_company(run: Answer) -> None:
    assert "demo" in run.stdout
    assert "Verdict" in run.stdout or "verdict" in run.stdout


def test_dbt_by_hand_builds_and_tests_all_of_it(extension: Extension, run: Answer) -> None:
    shutil.copy(REPOSITORY / "profiles.yml.example", extension.folder / "profiles.yml")
    built = extension.dbt(
        "build",
        "--select",
        f"+{OWN}",
        # relative to the folder of the package, whose seeds they are
        CRM_SEEDS_DIR="examples/extend/data/demo_seeds",
        CRM_WAREHOUSE_DB="data/by_hand.duckdb",
        CRM_RAW_DB="data/raw.duckdb",
    )
    assert built.returncode == 0, built.stdout
    assert "WARN=0" in built.stdout
    with duckdb.connect(str(extension.folder / "data/by_hand.duckdb"), read_only=True) as made:
        schemas = dict(
            made.execute("select table_name, schema_name from duckdb_tables()").fetchall()
        )
    assert {schemas[name] for name in (OWN, "fct_deals")} == {"marts"}
    assert schemas["channels"] == "reference"


def test_the_second_run_has_nothing_to_do_until_a_model_of_its_own_changes(
    extension: Extension, run: Answer
) -> None:
    project = extension.project()
    before = fingerprint_of(project)
    assert before == fingerprint_of(extension.project())
    for name in (f"models/marts/{OWN}.sql", "dbt_project.yml", "packages.yml"):
        text = (extension.folder / name).read_text("utf-8")
        extension.write(name, text + "\n")
        assert fingerprint_of(extension.project()) != before, name
        extension.write(name, text)
    assert "nothing has changed" in extension.crm_effect("run").stderr


# -- vars, seeds and what a person forgets


def test_vars_of_the_extension_come_before_those_of_the_package(extension: Extension) -> None:
    assert extension.project().vars["response_sla_minutes"] == 60
    file = extension.folder / "dbt_project.yml"
    text = file.read_text("utf-8")
    document = yaml.safe_load(text)
    document["vars"] = {
        "response_sla_minutes": 30,
        "large_deal": 5,
        "bitrix24_effectiveness": {"client_inactivity_days": 90},
        "my_crm": {"as_of": "only for its own models"},
    }
    file.write_text(yaml.safe_dump(document), "utf-8")
    try:
        found = extension.project().vars
        listed = extension.dbt(
            *("compile", "--quiet", "--inline"),
            "{{ var('response_sla_minutes') }} {{ var('as_of') }}",
        )
    finally:
        file.write_text(text, "utf-8")
    assert (found["response_sla_minutes"], found["client_inactivity_days"]) == (30, 90)
    assert (found["large_deal"], found["as_of"], found["comparison_months"]) == (5, "", 12)
    assert listed.stdout.strip() == "30 only for its own models"


def test_seeds_are_the_packages_unless_the_environment_says_otherwise(
    extension: Extension,
) -> None:
    package = extension.project().package_directory
    assert package == extension.folder.parents[1]
    assert extension.project().seeds_dir == package / "seeds"
    assert extension.project().raw_db == extension.folder / "data/raw.duckdb"


def test_packages_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "own", ignore=shutil.ignore_patterns("dbt_packages"))
    monkeypatch.chdir(tmp_path / "own")
    monkeypatch.delenv("DBT_PROJECT_DIR", raising=False)
    with pytest.raises(ConfigurationError, match="not installed: run `dbt deps` there"):
        Project.find({})


def test_without_the_schemas_of_the_package_nothing_is_built(
    extension: Extension, run: Answer
) -> None:
    file = extension.folder / "dbt_project.yml"
    text = file.read_text("utf-8")
    file.write_text(re.sub(r"dispatch:\n(  .*\n)+", "", text), "utf-8")
    try:
        answer = extension.crm_effect("build")
    finally:
        file.write_text(text, "utf-8")
    assert answer.returncode == 2
    assert "would be built in schema main_marts and not in marts" in answer.stderr
    assert "dispatch" in answer.stderr
