"""What several test files need: a small dbt project, one built demo portal, a server."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import postgres
from bitrix24_effectiveness.build import build
from bitrix24_effectiveness.demo import generate, settled
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish
from effect_models import Effects
from harness import Project as Compilations
from running import REPOSITORY, SEEDS_YML, TESTS_YML, Built, MiniProject, databases, write_raw

# A worker of pytest-xdist has a main module without a file; pyspark, which Great Expectations
# imports where it is installed, takes that for a run of its doctests, and ends the process.
_MAIN = sys.modules["__main__"]
if not hasattr(_MAIN, "__file__") and importlib.util.find_spec("pyspark"):
    _MAIN.__file__ = __file__
    with warnings.catch_warnings(action="ignore"):
        importlib.import_module("great_expectations")
    del _MAIN.__file__


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The guard comes first: it needs no demo portal, for which two processes would wait."""
    items.sort(key=lambda item: item.path.parent.name != "guard")


@pytest.fixture(scope="session", autouse=True)
def _dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Dbt connects as the example says, whatever the developer's own `profiles.yml` says.

    What it writes goes to a folder of this process: two that share one read half a file.
    """
    folder = tmp_path_factory.mktemp("dbt")
    shutil.copy(REPOSITORY / "profiles.yml.example", folder / "profiles.yml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_PROFILES_DIR", str(folder))
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
        yield


@pytest.fixture
def mini(tmp_path: Path) -> MiniProject:
    files = {
        "models/staging/reference/_seeds.yml": SEEDS_YML,
        "models/marts/rates.sql": "select * from {{ ref('exchange_rates') }}",
        "tests/data/rates_are_positive.sql": "select * from {{ ref('exchange_rates') }} "
        "where rate <= 0",
        "tests/data/_tests.yml": TESTS_YML,
        "seeds/exchange_rates.csv": "currency,base_currency,valid_from,rate\n"
        "USD,RUB,2025-01-01,101.68\n",
    }
    for name in (
        "dbt_project.yml",
        "profiles.yml.example",
        "models/staging/bitrix24/_sources.yml",
    ):
        files[name] = (REPOSITORY / name).read_text("utf-8")
    # the guard judges the base tables
    for pattern in (
        "great_expectations/*",
        "macros/raw/*",
        "macros/adapters/*",
        "models/staging/bitrix24/base/*.sql",
    ):
        for path in REPOSITORY.glob(pattern):
            files[str(path.relative_to(REPOSITORY))] = path.read_text("utf-8")
    env = databases(tmp_path)
    write_raw(Path(env["CRM_RAW_DB"]))
    project = MiniProject(tmp_path / "project", env)
    for name, text in files.items():
        project.write(name, text)
    return project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Compilations:
    """The project compiled with the vars of a variant, once for all tests."""
    return Compilations(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def demo_portal(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The demo portal of a few hundred leads, built once for all tests; nobody may change it.

    What both processes of pytest-xdist see, the one that comes first makes.
    """
    together = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        together = together.parent
    folder = together / "demo_portal"
    env = databases(folder)
    with FileLock(together / "demo_portal.lock"), pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(REPOSITORY)
        project = Project.find({})
        if not folder.exists():
            folder.mkdir()
            generate(project.raw_db, leads=400, seed=1)
            build(settled(project), Log("text"))
            publish(settled(project), Log("text"))
        project = settled(project)
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
            # the page lies where the file of marts would
            name: value
            for name, value in databases(tmp_path).items()
            if name.startswith("DBT_") or name == "CRM_MARTS_DB"
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield env


@pytest.fixture(scope="session")
def effects(tmp_path_factory: pytest.TempPathFactory) -> Effects:
    """The compiled models of before and after."""
    return Effects(tmp_path_factory.mktemp("effects"))
