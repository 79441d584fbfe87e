"""`crm-effect load` in a process of its own, that can be killed; and what a load has to leave."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.cli import main
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.loading import Tally, Wishes, load
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from emulator import Emulator, Portal
from emulator.portal import Table
from emulator.values import comparable
from running import REPOSITORY, databases

# importing dlt costs seconds: the server of processes does it once for all of them
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["bitrix24_effectiveness.cli", "bitrix24_effectiveness.load.loading", "pandas", "sqlalchemy"]
)

CONTRACT = {
    table.name: [column.name for column in table.columns]
    for table in Project(REPOSITORY, {}).raw_tables.values()
}
"""Columns of every raw table."""

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Ended:
    """How a process of the loader ended; `code` is -9 if it was killed."""

    code: int
    output: str


class Loader:
    """Loads an emulated portal into the raw database of a folder.

    Args:
        emulator: The portal.
        folder: Where the database goes, and whatever else a load leaves behind.
        chunk: Rows of a table that are committed at once.
    """

    def __init__(self, emulator: Emulator, folder: Path, chunk: int = 50_000) -> None:
        self.emulator = emulator
        self.folder = folder
        self.chunk = chunk
        self.env = databases(folder) | {
            "BITRIX24_WEBHOOK_URL": emulator.webhook,
            "BITRIX24_REQUESTS_PER_SECOND": "0",
            "BITRIX24_BACKOFF_SECONDS": "0.01",
            "HOME": str(folder),
        }

    @property
    def raw_db(self) -> Path:
        return Path(self.env["CRM_RAW_DB"])

    def run(self, *arguments: str, kill: tuple[int, float] | None = None) -> Ended:
        """Runs `crm-effect load` to its end.

        Args:
            arguments: Further arguments of the command.
            kill: After how many HTTP requests to kill the process, and how much later, as a share
                of the time until then. With 0 requests: after it has asked for the last table,
                which is when it begins to write.
        """
        output = self.folder / "output.txt"
        calls, last = len(self.emulator.requests), "crm.activity.list"
        process = _processes.Process(
            target=_load, args=(self.env, ["load", *arguments], str(output), self.chunk)
        )
        started = time.monotonic()
        process.start()
        while process.is_alive() and time.monotonic() - started < 300:
            process.join(0.005)
            new = self.emulator.requests[calls:]
            if not kill or not new:
                continue
            heard = new[-1].number - new[0].number + 1
            if heard >= kill[0] > 0 or (not kill[0] and new[-1].method == last):
                process.join(kill[1] * (time.monotonic() - started))
                process.kill()
                kill = None
        if process.is_alive():
            process.kill()
            raise AssertionError(f"the load does not end:\n{output.read_text('utf-8')}")
        process.join()
        return Ended(process.exitcode, output.read_text("utf-8"))


def _load(env: Mapping[str, str], arguments: list[str], output: str, chunk: int) -> None:
    from bitrix24_effectiveness.load import loading

    loading.CHUNK = chunk
    os.environ.update(env)
    os.chdir(REPOSITORY)
    with open(output, "wb", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["crm-effect", *arguments]
    main()


def held(portal: Portal) -> dict[str, Rows]:
    """The rows that the portal delivers, by table and key: what the raw tables have to hold."""
    tables = {}
    for name, columns in CONTRACT.items():
        table = portal.tables.get(name) or Table(name)
        rows = {str(key): row for key, row in table.rows.items() if row.get("USER_TYPE") != "bot"}
        tables[name] = {
            key: {column: read(row.get(column.upper())) for column in columns}
            for key, row in rows.items()
        }
    return tables


def loaded(raw_db: Path) -> dict[str, Rows]:
    """The rows of the raw tables, by table and key; a key that comes twice is an error."""
    tables = {}
    with duckdb.connect(str(raw_db), read_only=True) as connection:
        for name, columns in CONTRACT.items():
            if not connection.execute(
                "from duckdb_tables() where schema_name = 'bitrix24' and table_name = ?", [name]
            ).fetchall():
                # a table that the portal does not give is as an empty one
                tables[name] = {}
                continue
            cursor = connection.execute(f"from bitrix24.{name}")
            names = [column[0] for column in cursor.description]
            key = "currency" if name == "crm_currency" else "id"
            rows: Rows = {}
            for values in cursor.fetchall():
                row = dict(zip(names, values, strict=True))
                assert str(row[key]) not in rows, f"{name} {row[key]} was loaded twice"
                rows[str(row[key])] = {column: read(row.get(column)) for column in columns}
            tables[name] = rows
    return tables


def read(value: Any) -> Any:
    """A value as staging reads it: text, number and instant are one thing, empty is empty."""
    if isinstance(value, bool):
        return comparable(str(value).lower())
    if isinstance(value, str) and value[:1] in ("[", "{"):
        value = json.loads(value)
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True)
    return comparable(value)


def differences(raw_db: Path, portal: Portal) -> list[str]:
    """Where the raw tables and the portal differ, a line for each row; empty if they agree."""
    there, here = held(portal), loaded(raw_db)
    found = []
    for name in CONTRACT:
        for key in sorted(there[name].keys() | here[name].keys(), key=comparable):
            expected, got = there[name].get(key), here[name].get(key)
            if expected is None or got is None:
                found.append(f"{name} {key}: {'deleted' if expected is None else 'missing'}")
            elif expected != got:
                columns = [column for column in CONTRACT[name] if expected[column] != got[column]]
                found.append(
                    f"{name} {key}: "
                    + ", ".join(f"{c} {got[c][1]!r} != {expected[c][1]!r}" for c in columns)
                )
    return found


QUICK = {"BITRIX24_REQUESTS_PER_SECOND": "0", "BITRIX24_BACKOFF_SECONDS": "0.001"}


def small_portal(deals: int = 130) -> Portal:
    return Portal(
        {
            "crm_deal": [
                {
                    "id": str(i),
                    "stage_id": "WON" if i % 3 == 0 else "NEW",
                    "opportunity": f"{i}.50",
                    "date_create": "2025-03-01T10:00:00+03:00",
                    "date_modify": f"2025-03-{i % 27 + 1:02}T10:00:00+03:00",
                }
                for i in range(1, deals + 1)
            ],
            "crm_status": [
                {
                    "id": "1",
                    "entity_id": "DEAL_STAGE",
                    "status_id": "NEW",
                    "extra": '{"SEMANTICS":"process"}',
                }
            ],
            "users": [{"id": "1", "active": "true", "uf_department": "[1]"}],
            "tasks": [
                {
                    "id": "5",
                    "status": "5",
                    "created_date": "2025-03-01T10:00:00+03:00",
                    "uf_crm_task": '["D_3"]',
                }
            ],
        }
    )


class Loading:
    """An emulated portal and the raw database that it is loaded into."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.emulator = emulator
        self.portal = emulator.portal
        self.raw_db = folder / "raw.duckdb"
        self.env = QUICK | {
            "CRM_RAW_DB": str(self.raw_db),
            # a load holds its lock; beside the folder, whose files are looked at
            "CRM_WAREHOUSE_DB": str(folder.with_name(f"{folder.name}_build") / "warehouse.duckdb"),
            "BITRIX24_WEBHOOK_URL": emulator.webhook,
        }

    def load(self, **given: Any) -> dict[str, Tally]:
        """Loads; names in capitals are variables, the others wishes."""
        env = {name: value for name, value in given.items() if name.isupper()}
        wishes = Wishes(**{name: value for name, value in given.items() if name.islower()})
        project = Project(REPOSITORY, {}, dict(os.environ) | self.env | env)
        return load(project, Log("text"), wishes)

    def refusal(self, **given: Any) -> str:
        with pytest.raises(ConfigurationError) as caught:
            self.load(**given)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.raw_db), read_only=True) as connection:
            return connection.execute(query).fetchall()


def deals_of(loading: Loading) -> list[tuple]:
    return sorted(
        loading.rows("select id, stage_id, opportunity, date_modify from bitrix24.crm_deal"),
        key=lambda deal: int(deal[0]),
    )


def deals_in_portal(loading: Loading) -> list[tuple]:
    rows = loading.portal.tables["crm_deal"].rows
    names = ("ID", "STAGE_ID", "OPPORTUNITY", "DATE_MODIFY")
    return [tuple(rows[key][name] for name in names) for key in sorted(rows)]
