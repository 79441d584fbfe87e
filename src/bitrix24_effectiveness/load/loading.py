"""The command `crm-effect load`: what is read when, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bitrix24_effectiveness.load.own_dlt import own_dlt  # isort: skip (before dlt itself)

import dlt
import duckdb
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from bitrix24_effectiveness.errors import (
    AnotherRunError,
    ConfigurationError,
    CrmEffectError,
    DataError,
)
from bitrix24_effectiveness.files import remove
from bitrix24_effectiveness.load.methods import METHODS, Method
from bitrix24_effectiveness.load.portal import Portal, PortalError
from bitrix24_effectiveness.load.settings import Settings
from bitrix24_effectiveness.load.spool import Spool
from bitrix24_effectiveness.lock import only_run
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project, RawTable

LOADED_TABLES = "loaded_tables"
"""Table beside the raw tables: which of them are complete, and as of when."""

CHUNK = 50_000
"""Rows of a table that are committed at once: what a killed load reads again."""

_TELL_EVERY = 5
"""Seconds."""

OVERLAP = timedelta(minutes=10)
"""Rows changed so long before the last load are read again: a change is seen by others only when
its transaction ends, and the clocks of a portal's machines differ."""


@dataclass
class Tally:
    """What a load did to one table, in rows."""

    received: int = 0
    before: int = 0
    after: int = 0
    deleted: int = 0
    seconds: float = 0.0

    @property
    def new(self) -> int:
        """Rows that were not there before."""
        return self.after - self.before + self.deleted

    @property
    def changed(self) -> int:
        """Rows that were there and came again: changed, or read twice within the overlap."""
        return self.received - self.new


def load(project: Project, log: Log) -> dict[str, Tally]:
    """Brings the raw tables up to date with the portal of BITRIX24_WEBHOOK_URL.

    Returns:
        What was done, by raw table. Optional tables that the portal refuses are left out.

    Raises:
        ConfigurationError: no portal, a portal that refuses, one that cannot be reached.
        DataError: what came is so much less than before that it was not taken over.
        AnotherRunError: another load is running, or another program has the raw database open.
    """
    settings = Settings.find(project)
    if settings is None:
        raise ConfigurationError(
            "no portal: set BITRIX24_WEBHOOK_URL, in the environment or in the file .env of "
            f"{project.directory}, to the address of an incoming webhook"
        )
    folder = project.raw_db.with_name(project.raw_db.name + ".loading")
    with only_run(project.raw_db):
        # the database is the truth about what was loaded; what a killed load left here is not
        remove(folder)
        folder.mkdir(parents=True)
        try:
            with own_dlt(folder), log.status("asking the portal") as show:
                tallies = _Load(project, settings, folder, log, _Progress(log, show)).run()
        finally:
            remove(folder)
    _sum_up(tallies, log)
    return tallies


def _sum_up(tallies: dict[str, Tally], log: Log) -> None:
    for table, tally in tallies.items():
        log.event(
            "loaded",
            f"{table}: {tally.new:,} new, {tally.changed:,} changed, {tally.deleted:,} deleted, "
            f"{tally.after:,} rows",
            table=table,
            new=tally.new,
            changed=tally.changed,
            deleted=tally.deleted,
            rows=tally.after,
            seconds=round(tally.seconds, 1),
        )
    new, changed, deleted = (
        sum(getattr(tally, what) for tally in tallies.values())
        for what in ("new", "changed", "deleted")
    )
    log.event(
        "load",
        f"loaded: {new:,} rows are new, {changed:,} changed, {deleted:,} deleted",
        new=new,
        changed=changed,
        deleted=deleted,
    )


class _Progress:
    """Tells how a table comes along: on a terminal at once, to machines now and then."""

    def __init__(self, log: Log, show: Callable[[str], None]) -> None:
        self._log = log
        self._show = show
        self._told = 0.0

    def tell(self, table: str, tally: Tally) -> None:
        rate = tally.received / max(tally.seconds, 0.001)
        message = f"{table}: {tally.received:,} rows, {rate:,.0f} a second"
        self._show(message)
        if self._log.is_json and time.monotonic() - self._told >= _TELL_EVERY:
            self._told = time.monotonic()
            self._log.event(
                "loading",
                message,
                table=table,
                rows=tally.received,
                rows_per_second=round(rate),
            )


@dataclass
class _Load:
    project: Project
    settings: Settings
    folder: Path
    log: Log
    progress: _Progress
    tallies: dict[str, Tally] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    failures: list[CrmEffectError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.portal = Portal(self.settings, self.log)
        self.pipeline = dlt.pipeline(
            "bitrix24",
            pipelines_dir=str(self.folder),
            destination=dlt.destinations.duckdb(str(self.project.raw_db)),
            dataset_name=self.project.vars.get("raw_schema") or "bitrix24",
        )

    def run(self) -> dict[str, Tally]:
        self.pipeline.sync_destination()
        tables = list(self.project.raw_tables.values())
        for table in tables:
            self.tallies[table.name] = Tally(before=self._count(table))
        self.unfinished = {table.name for table in tables}
        while self.unfinished and not self.failures:
            resources = [self._resource(t) for t in tables if t.name in self.unfinished]
            self._commit([*resources, self._loaded_tables()])
        for table in tables:
            self.tallies[table.name].after = self._count(table)
        if self.failures:
            raise self.failures[0]
        return self.tallies

    # -- reading

    def _resource(self, table: RawTable) -> DltResource:
        columns = self._columns(table)
        method = METHODS[table.name]
        return dlt.resource(
            self._rows(table, method),
            name=self.project.raw_identifier(table.name),
            primary_key=self.project.raw_column(table.name, method.key.lower()),
            write_disposition="merge" if method.is_incremental else "replace",
            columns={column: {"data_type": "text"} for column in columns},
        )

    def _columns(self, table: RawTable) -> dict[str, str]:
        """Fields of the portal's answers by the names of the columns that they go to."""
        method = METHODS[table.name]
        return {
            self.project.raw_column(table.name, column.name): method.field_of(column.name)
            for column in table.columns
        }

    def _rows(self, table: RawTable, method: Method) -> Iterator[Any]:
        state = dlt.current.resource_state(self.project.raw_identifier(table.name))
        columns = [column.name for column in table.columns]
        if state.get("columns") != columns:
            # a column more than last time: only a whole load can fill it
            state.clear()
            state["columns"] = columns
        walk = state.setdefault("walk", {"after": 0, "since": _since(state, method)})
        spool = Spool(self.folder, table.name, self._columns(table))
        tally = self.tallies[table.name]
        self.unfinished.discard(table.name)
        try:
            started = time.monotonic()
            for page in self.portal.pages(method, columns, walk["after"], walk["since"]):
                spool.add(page.rows)
                tally.received += len(page.rows)
                tally.seconds += time.monotonic() - started
                started = time.monotonic()
                self.progress.tell(table.name, tally)
                walk.setdefault("started", page.asked_at.isoformat())
                walk["after"] = page.after
                if method.is_incremental and spool.count >= CHUNK:
                    self.unfinished.add(table.name)
                    break
            else:
                state["loaded_until"] = walk["started"]
                del state["walk"]
        except PortalError as error:
            self._refuse(table, error)
            if not method.is_incremental:
                return
        if "walk" not in state or spool.count:
            yield spool.for_dlt(is_postgres=False)

    def _refuse(self, table: RawTable, error: PortalError) -> None:
        if error.is_refusal and not table.required:
            self.log.event("refused", f"{table.name} is left out: {error}", "warning")
        else:
            self.failures.append(error)

    def _loaded_tables(self) -> DltResource:
        def rows() -> Iterator[Any]:
            resources = dlt.current.source_state()["resources"]
            for table in self.project.raw_tables:
                state = resources.get(self.project.raw_identifier(table)) or {}
                if "loaded_until" in state or "walk" in state:
                    yield {
                        "raw_table": table,
                        "is_complete": "loaded_until" in state,
                        "loaded_until": state.get("loaded_until"),
                    }

        return dlt.resource(
            rows,
            name=LOADED_TABLES,
            write_disposition="replace",
            columns={
                "raw_table": {"data_type": "text"},
                "is_complete": {"data_type": "bool"},
                "loaded_until": {"data_type": "text"},
            },
        )

    # -- writing

    def _commit(self, resources: list[DltResource]) -> None:
        """Loads what the resources yield, together with the state that they leave."""
        problem: Exception | None = None
        try:
            self.pipeline.run(resources)
        except PipelineStepFailed as error:
            problem = _said(error, self.project.raw_db)
        if problem:
            raise problem

    def _count(self, table: RawTable) -> int:
        with self.pipeline.sql_client() as client:
            name = client.make_qualified_table_name(self.project.raw_identifier(table.name))
            try:
                return client.execute_sql(f"select count(*) from {name}")[0][0]
            except DatabaseUndefinedRelation:
                return 0


def _since(state: dict[str, Any], method: Method) -> str | None:
    if not method.is_incremental or "loaded_until" not in state:
        return None
    overlap = OVERLAP + timedelta(days=method.settles_after)
    return (datetime.fromisoformat(state["loaded_until"]) - overlap).isoformat()


def _said(error: BaseException, raw_db: Path) -> Exception:
    """What a failure of dlt comes down to, in one line."""
    chain = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, CrmEffectError):
            return link
        if isinstance(link, duckdb.IOException) and "lock" in str(link).lower():
            return AnotherRunError(f"{raw_db} is open in another program: close it there")
    return DataError(f"{raw_db}: {str(chain[-1]).strip().splitlines()[0]}")
