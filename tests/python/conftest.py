"""What several test files need: a command to run, a small dbt project, one built demo portal."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import duckdb
import pytest

import postgres
from bitrix24_effectiveness.build import build
from bitrix24_effectiveness.cli import main
from bitrix24_effectiveness.demo import generate
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish
from effect_models import Effects
from harness import Project as Compilations

REPOSITORY = Path(__file__).resolve().parents[2]

Answer = subprocess.CompletedProcess[str]


def run_command(*arguments: str, env: dict[str, str], cwd: Path) -> Answer:
    """Runs `crm-effect` as a scheduler would: a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "bitrix24_effectiveness.cli", *arguments],
        env=os.environ | env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def databases(folder: Path) -> dict[str, str]:
    """Environment of a run whose every file is in `folder`."""
    return {
        "CRM_RAW_DB": str(folder / "raw.duckdb"),
        "CRM_WAREHOUSE_DB": str(folder / "warehouse.duckdb"),
        "CRM_MARTS_DB": str(folder / "marts.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "CRM_SEEDS_DIR": "",
        "LC_ALL": "C.UTF-8",
    }


@dataclass(frozen=True)
class MiniProject:
    """A dbt project with one model, one test and one seed: it builds in three seconds."""

    folder: Path
    env: dict[str, str]

    def run(self, *arguments: str, **env: str) -> Answer:
        """Runs the command in this process: importing dbt anew would cost seconds each time."""
        out, err = StringIO(), StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as stopped,
        ):
            for name, value in (self.env | env).items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["crm-effect", *arguments])
            main()
        return Answer(arguments, stopped.value.code, out.getvalue(), err.getvalue())

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    @property
    def rates(self) -> Path:
        return self.folder / "seeds/exchange_rates.csv"


_SEEDS_YML = """
seeds:
  - name: exchange_rates
    config:
      column_types:
        {currency: varchar, base_currency: varchar, valid_from: date, rate: double precision}
    columns: [{name: currency}, {name: base_currency}, {name: valid_from}, {name: rate}]
"""

_TESTS_YML = """
data_tests:
  - name: rates_are_positive
    description: A rate is above zero.
"""


@pytest.fixture
def mini(tmp_path: Path) -> MiniProject:
    files = {
        "models/staging/reference/_seeds.yml": _SEEDS_YML,
        "models/marts/rates.sql": "select * from {{ ref('exchange_rates') }}",
        "tests/data/rates_are_positive.sql": "select * from {{ ref('exchange_rates') }} "
        "where rate <= 0",
        "tests/data/_tests.yml": _TESTS_YML,
        "seeds/exchange_rates.csv": "currency,base_currency,valid_from,rate\n"
        "USD,RUB,2025-01-01,101.68\n",
    }
    for name in (
        "dbt_project.yml",
        "profiles.yml",
        "models/staging/bitrix24/_sources.yml",
    ):
        files[name] = (REPOSITORY / name).read_text("utf-8")
    # the guard reads values by the macros of the project
    for folder in ("great_expectations", "macros/raw", "macros/adapters"):
        for path in (REPOSITORY / folder).iterdir():
            files[f"{folder}/{path.name}"] = path.read_text("utf-8")
    env = databases(tmp_path)
    write_raw(Path(env["CRM_RAW_DB"]))
    project = MiniProject(tmp_path / "project", env)
    for name, text in files.items():
        project.write(name, text)
    return project


def write_raw(path: Path, schema: str = "bitrix24") -> None:
    """Writes the smallest raw database that passes at the door."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create schema {schema}")
        connection.execute(
            f"create table {schema}.crm_deal as select 1 as id, 'NEW' as stage_id, "
            "'2025-01-01' as date_create, 'RUB' as currency_id"
        )
        connection.execute(
            f"create table {schema}.crm_status as "
            "select 1 as id, 'SOURCE' as entity_id, 'CALL' as status_id"
        )


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Compilations:
    """The project compiled with the vars of a variant, once for all tests."""
    return Compilations(tmp_path_factory.mktemp("compiled"))


@dataclass(frozen=True)
class Built:
    """A portal that was built and published by the real project."""

    folder: Path
    env: dict[str, str]
    project: Project

    def run(self, *arguments: str, **env: str) -> Answer:
        return run_command(*arguments, env=self.env | env, cwd=REPOSITORY)


@pytest.fixture(scope="session")
def demo_portal(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The demo portal of a few hundred leads, built once for all tests; nobody may change it."""
    folder = tmp_path_factory.mktemp("demo_portal")
    env = databases(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(REPOSITORY)
        project = Project.find({})
        generate(project.raw_db, leads=400, seed=1)
        build(project, Log("text"))
        publish(project, Log("text"))
    return Built(folder, env, project)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One throw-away PostgreSQL server for all tests; skips where there are no binaries."""
    with postgres.server() as url:
        yield url


@pytest.fixture
def on_postgres(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """An empty database of the test's own, which this process is set to; gives the environment."""
    with postgres.database(postgres_url, f"crm_{secrets.token_hex(4)}") as env:
        env |= {
            name: value for name, value in databases(tmp_path).items() if name.startswith("DBT_")
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield env


@pytest.fixture(scope="session")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Effects:
    """The compiled models of before and after."""
    return Effects(tmp_path_factory.mktemp("effects"))
