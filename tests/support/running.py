"""Running `crm-effect` in tests: by itself, or on a dbt project that builds in seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.cli import main
from bitrix24_effectiveness.project import Project

REPOSITORY = Path(__file__).resolve().parents[2]

Answer = subprocess.CompletedProcess[str]


# who asks for a number of cases, as `make fuzz` does, hunts at length
HUNTS = {"LONG_TESTS", "FUZZ_EXAMPLES", "HEALTHY_PORTALS", "LOAD_SCHEDULES", "WIDE_PORTAL"}
IS_LONG = not HUNTS.isdisjoint(os.environ)

# what takes more than some five seconds, where a shorter test goes the same way
long = pytest.mark.skipif(not IS_LONG, reason="long: LONG_TESTS=1, make test-all")


def hunt(whole: int) -> int:
    """How many random cases a test tries: all in `make test-all`, a tenth in `make test`."""
    return whole if IS_LONG else max(1, whole // 10)


def sample(whole: Iterable[Any], every: int = 10) -> list[Any]:
    """The cases of many like ones to try: all in `make test-all`, the first of ten else."""
    return list(whole)[:: 1 if IS_LONG else every]


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


def linked_checkout(folder: Path) -> Path:
    """A checkout as a stranger has it: links to the files here, and a copy of the examples."""
    made = (".git", ".venv", "data", "target", "logs", "dbt_packages", "profiles.yml", ".env")
    folder.mkdir(parents=True)
    for path in REPOSITORY.iterdir():
        if path.name not in (*made, "examples"):
            (folder / path.name).symlink_to(path)
    examples = REPOSITORY / "examples"
    shutil.copytree(examples, folder / "examples", ignore=shutil.ignore_patterns(*made))
    return folder


def databases(folder: Path) -> dict[str, str]:
    """Environment of a run whose every file is in `folder`."""
    return {
        "CRM_RAW_DB": str(folder / "raw.duckdb"),
        "CRM_WAREHOUSE_DB": str(folder / "warehouse.duckdb"),
        "CRM_MARTS_DB": str(folder / "crm.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "CRM_SEEDS_DIR": "",
        "LC_ALL": "C.UTF-8",
    }


@dataclass(frozen=True)
class MiniProject:
    """The base models, and one model, one test and one seed: it builds in four seconds."""

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


SEEDS_YML = """
seeds:
  - name: exchange_rates
    config:
      column_types:
        {currency: varchar, base_currency: varchar, valid_from: date, rate: double precision}
    columns: [{name: currency}, {name: base_currency}, {name: valid_from}, {name: rate}]
"""

TESTS_YML = """
data_tests:
  - name: rates_are_positive
    description: A rate is above zero.
"""


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


@dataclass(frozen=True)
class Built:
    """A portal that was built and published by the real project."""

    folder: Path
    env: dict[str, str]
    project: Project

    def run(self, *arguments: str, **env: str) -> Answer:
        return run_command(*arguments, env=self.env | env, cwd=REPOSITORY)
