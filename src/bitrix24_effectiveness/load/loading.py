"""The command `crm-effect load`: what is read when, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dlt
import duckdb
from dlt.common.exceptions import DltException
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource

from bitrix24_effectiveness.configuration import INVOICES
from bitrix24_effectiveness.duckdb_file import explained
from bitrix24_effectiveness.errors import (
    AnotherRunError,
    ConfigurationError,
    CrmEffectError,
    DataError,
)
from bitrix24_effectiveness.files import remove
from bitrix24_effectiveness.load.chosen import TYPES, check_extra, of_deal_types, with_fields
from bitrix24_effectiveness.load.dlt_settings import dlt_settings
from bitrix24_effectiveness.load.methods import METHODS, Method
from bitrix24_effectiveness.load.methods import TYPES as SMART_PROCESSES
from bitrix24_effectiveness.load.portal import Page, Portal
from bitrix24_effectiveness.load.questions import PortalError
from bitrix24_effectiveness.load.settings import Settings
from bitrix24_effectiveness.load.spool import Spool
from bitrix24_effectiveness.load.stopping import StoppedError, Stopping, StopRequested
from bitrix24_effectiveness.load.sweep import Sweep, number
from bitrix24_effectiveness.lock import only_run
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import (
    DEAL_TYPE_TABLES,
    LOADED_TABLES,
    Project,
    RawTable,
)
from bitrix24_effectiveness.warehouse import warehouse_of

SOURCE = "bitrix24"
"""Name of the pipeline, and so of its state."""

CHUNK = 50_000
"""Rows of a table that are committed at once: what a killed load reads again."""

SMALL = 5_000
"""Tables with fewer rows are committed together, since each commit costs a moment."""

OVERLAP = timedelta(minutes=10)
"""Rows changed so long before the last load are read again: others see a change only when its
transaction ends, and the clocks of a portal's machines differ."""

FEW_ROWS, LARGE_SHARE = 20, 0.2
"""More rows than both cannot vanish from a table unless a person says so."""

CHATS = "openline_message"
ACTIVITIES = "crm_activity"

_UNFINISHED = "__unfinished"
_SILENT = 3
_TELL_EVERY = 5
_END: Any = object()


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


@dataclass(frozen=True)
class Wishes:
    """What a load is asked to do beyond bringing what is new and changed."""

    sweep: bool = False
    """Look for deleted rows now, not only when BITRIX24_SWEEP_DAYS have passed."""
    full: bool = False
    """Read all rows again, and look for deleted ones."""
    accept_deletions: bool = False
    """A table may lose any share of its rows."""
    renamed: bool = False
    """The portal of the database has another address now."""


def load(project: Project, log: Log, wishes: Wishes | None = None) -> dict[str, Tally]:
    """Brings the raw tables up to date with the portal of BITRIX24_WEBHOOK_URL.

    Returns:
        What was done, by raw table.

    Raises:
        ConfigurationError: no portal, a portal that refuses, one that cannot be reached. What was
            read until then stays, and the next load goes on from there.
        DataError: a table would lose so many rows that they were left where they are.
        AnotherRunError: another load is running, or another program has the raw database open.
        StoppedError: SIGTERM or Ctrl-C; what was read is written.
    """
    settings = Settings.find(project)
    if settings is None:
        raise ConfigurationError(
            "no portal: set BITRIX24_WEBHOOK_URL, in the environment or in the file .env of "
            f"{project.directory}, to the address of an incoming webhook"
        )
    _check_names(project, settings)
    source = warehouse_of(project).raw_source
    folder = project.raw_db.with_name(project.raw_db.name + ".loading")
    problem: BaseException | None = None
    with only_run(project.raw_db):
        # the database is the truth about what was loaded; what a killed load left here is not
        remove(folder)
        folder.mkdir(parents=True)
        try:
            with dlt_settings(folder), log.status("asking the portal") as show:
                running = _Load(
                    project, source, settings, folder, log, _Progress(log, show), wishes or Wishes()
                )
                tallies = running.run()
        except (DltException, duckdb.Error) as error:
            problem = _said(error, source)
        finally:
            remove(folder)
    if problem:
        raise problem
    _sum_up(tallies, log)
    if running.advice:
        log.event("no_deals", running.advice, "warning")
    if running.failures:
        raise running.failures[0]
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
        self.show = show
        self._told = 0.0

    def tell(self, table: str, tally: Tally) -> None:
        rate = tally.received / max(tally.seconds, 0.001)
        message = f"{table}: {tally.received:,} rows, {rate:,.0f} a second"
        self.show(message)
        if self._log.is_json and time.monotonic() - self._told >= _TELL_EVERY:
            self._told = time.monotonic()
            self._log.event(
                "loading",
                message,
                table=table,
                rows=tally.received,
                rows_per_second=round(rate),
            )


class _Reading:
    """One table on its way from the portal: what was read and is not yet committed."""

    def __init__(self, table: RawTable, method: Method, state: dict[str, Any]) -> None:
        self.table = table
        self.method = method
        self.state = state
        """What dlt keeps of the table: `loaded_until`, `columns`, and the `walk` under way."""
        self.is_first = "loaded_until" not in state
        self.is_resumed = "started" in state.get("walk", {})
        self.is_over = False
        self.pages: Iterator[Page | None] | None = None
        self.spool: Spool | None = None

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.table.columns]

    @property
    def fields(self) -> dict[str, str]:
        """Fields of the portal's answers by the names of the columns that they go to."""
        return {column: self.method.field_of(column) for column in self.columns}

    @property
    def count(self) -> int:
        return self.spool.count if self.spool else 0

    @property
    def has_part(self) -> bool:
        """Whether what was read so far may be committed: half a dictionary replaces no other."""
        return self.method.is_incremental and self.count > 0


@dataclass
class _Load:
    project: Project
    source: str
    settings: Settings
    folder: Path
    log: Log
    progress: _Progress
    wishes: Wishes
    tallies: dict[str, Tally] = field(default_factory=dict)
    failures: list[CrmEffectError] = field(default_factory=list)
    now: datetime | None = None
    """When the portal answered last, by its own clock."""

    def __post_init__(self) -> None:
        self.is_postgres = self.project.target == "postgres"
        self.portal = Portal(self.settings, self.log)
        self.stopping = Stopping()
        raw_tables = self.project.raw_tables
        chosen = of_deal_types(self.settings.deal_types, raw_tables)
        self.tables = [raw_tables[name] for name in METHODS if name in raw_tables]
        self.tables += [table for table, _ in chosen.values()]
        self.methods = METHODS | {name: method for name, (_, method) in chosen.items()}
        check_extra(self.settings.extra_columns, self.methods)
        self.advice: str | None = None
        """What to tell the user when all is done."""
        self.skipped = self.settings.skip_tables
        self.left_out: set[str] = set()
        self.dropped: set[str] = set()
        """Tables that were read once, and that somebody has dropped since."""
        self.sweep_state: dict[str, Any] | None = None
        self.swept_at: str | None = None
        self._unread: set[str] = set()
        """Tables of which not even the fields could be asked."""
        self._pending: list[_Reading] = []
        self._open: list[_Reading] = []
        self._silent = 0
        self._written = 0
        self.pipeline = dlt.pipeline(
            SOURCE,
            pipelines_dir=str(self.folder),
            destination=_destination(self.project),
            dataset_name=self.project.raw_schema,
        )
        self._check_skipped()

    def run(self) -> dict[str, Tally]:
        """Reads, looks for deleted rows when it is time to, and counts."""
        self.pipeline.sync_destination()
        self.sweep_state = deepcopy(self._state.get("sweep"))
        self._take_back()
        self._count_before()
        self._check_origin()
        if not self._state:
            # before any row: what a killed load leaves says which portal it is of
            self.pipeline.run([self._loaded_tables()])
        with self.stopping.heard():
            try:
                self._look_at_fields()
                self._read([t for t in self.tables if t.name not in self.skipped | self._unread])
                if not self.failures and self._is_sweep_due():
                    Sweep(self).run()
                if not self.failures:
                    self._look_for_sales()
            except StopRequested:
                self._commit_all()
                raise StoppedError(
                    f"stopped: {self._written:,} rows are written, the next load goes on there",
                    self.stopping.signum,
                ) from None
            except PortalError:
                self._commit_all()
                raise
        self._set_aside()
        for table, rows in self._counts().items():
            self.tallies[table].after = rows or 0
        return self.tallies

    @property
    def _state(self) -> dict[str, Any]:
        """What dlt keeps in the database about the portal: never its address."""
        return self.pipeline.state.get("sources", {}).get(SOURCE, {})

    def state_of(self, table: RawTable) -> dict[str, Any]:
        """A copy of what is known of a table; empty: nothing of it was ever committed."""
        if table.name in self.dropped:
            return {}
        return deepcopy(self._state.get("resources", {}).get(table.name, {}))

    def _check_skipped(self) -> None:
        required = {table.name for table in self.tables if table.required}
        for name in self.skipped:
            if name not in self.methods or name in required:
                what = "is required" if name in required else "is no raw table"
                raise ConfigurationError(f"BITRIX24_SKIP_TABLES: {name} {what}")

    def _check_origin(self) -> None:
        """Two portals, or a portal and a demo, must not be mixed in one database."""
        if not self._state and any(tally.before for tally in self.tallies.values()):
            raise ConfigurationError(
                f"{self.source} has raw tables that were not loaded from a portal: delete "
                "them, or load into another database"
            )
        known, host = self._state.get("portal"), self.settings.webhook.host
        if known and known != host and not self.wishes.renamed:
            raise ConfigurationError(
                f"{self.source} holds the portal {known}, BITRIX24_WEBHOOK_URL names {host}: "
                "load it into another database, or, if the portal was only renamed, run "
                "`crm-effect load --renamed` once"
            )

    # -- what is chosen

    def _look_at_fields(self) -> None:
        """Asks which fields there are where custom ones or objects other than deals are chosen."""
        extra = self.settings.extra_columns
        for place, table in enumerate(self.tables):
            method = self.methods[table.name]
            is_chosen = table.name not in METHODS or table.name in extra
            if not method.entity_type or not is_chosen or table.name in self.skipped:
                continue
            try:
                with self.stopping.waiting():
                    known = self.portal.fields(method.entity_type)
            except PortalError as error:
                if not error.of_method:
                    raise
                if error.code == "NOT_FOUND":
                    text = f"the portal has no smart process {method.entity_type}"
                    raise ConfigurationError(f"{TYPES}: {text}") from None
                self.note(table, error)
                self._unread.add(table.name)
                continue
            self.tables[place] = with_fields(table, method, extra.get(table.name, ()), known)

    def _look_for_sales(self) -> None:
        """Says where the sales of a portal without deals may be."""
        with self.pipeline.sql_client() as client:
            deals = self._count(client, self.project.raw_tables["crm_deal"])
        if deals or self.settings.deal_types:
            return
        where = "a smart process"
        with suppress(PortalError), self.stopping.waiting():
            pages = self.portal.pages(SMART_PROCESSES, ["id"])
            found = [row for page in pages if page for row in page.rows]
            names = [
                f"{row['entityTypeId']} {row.get('title')}"
                for row in found
                if row.get("isStagesEnabled") == "Y"
            ]
            where += f" ({', '.join(names)})" if names else ""
        self.advice = (
            f"the portal has no deals: its sales may lie in {where} or in invoices ({INVOICES}), "
            f"which {TYPES} loads: docs/webhook.md says how"
        )

    # -- rows

    def _read(self, tables: list[RawTable]) -> None:
        """Reads tables one after the other; while a method must rest, another table."""
        self._open = [
            _Reading(table, self.methods[table.name], self.state_of(table)) for table in tables
        ]
        before: _Reading | None = None
        while self._open:
            reading = min(self._open, key=lambda one: self.portal.rest_of(one.method))
            if before and before is not reading and before.has_part:
                self._commit(before)
            before = reading
            if self._pending and self.portal.rest_of(reading.method):
                self._commit()
            self._step(reading)
            if reading.is_over:
                self._open.remove(reading)
                self._pending.append(reading)
                before = None
            elif reading.has_part and reading.count >= CHUNK:
                self._commit(reading)
            if sum(one.count for one in self._pending) >= SMALL:
                self._commit()
        self._commit()

    def _step(self, reading: _Reading) -> None:
        """Asks for one page more of a table, and puts it where the next commit finds it."""
        try:
            if reading.pages is None:
                self._begin(reading)
            page = self._next(reading)
        except PortalError as error:
            self._give_up(reading, error)
            return
        if page is _END:
            self._finish(reading)
        elif page is not None and reading.spool:
            reading.spool.add(page.rows)
            if "walk" in reading.state:
                reading.state["walk"]["after"] = page.after
                reading.state["walk"].setdefault("started", page.asked_at.isoformat())
            else:
                reading.state["loaded_until"] = page.asked_at.isoformat()

    def _next(self, reading: _Reading) -> Any:
        assert reading.pages is not None
        tally = self.tallies[reading.table.name]
        asked = time.monotonic()
        with self.stopping.waiting():
            page = next(reading.pages, _END)
        tally.seconds += time.monotonic() - asked
        if page is not _END and page is not None:
            self.now, self._silent = page.asked_at, 0
            tally.received += len(page.rows)
            self.progress.tell(reading.table.name, tally)
        return page

    def _begin(self, reading: _Reading) -> None:
        """Says where to begin: where the last load stopped, or with what is new and changed."""
        state, method = reading.state, reading.method
        if state.get("columns", reading.columns) != reading.columns:
            # a column more than last time: only a whole load can fill it
            state.clear()
            reading.is_first, reading.is_resumed = True, False
        state["columns"] = reading.columns
        reading.spool = Spool(self.folder, reading.table.name, reading.fields)
        if not method.is_incremental:
            reading.pages = self.portal.pages(method, reading.columns)
            return
        walk = state.setdefault("walk", {"after": 0, "since": _since(state, method)})
        if self.wishes.full and not reading.is_first and not walk.get("is_full"):
            walk = state["walk"] = {"after": 0, "since": None, "is_full": True}
            reading.is_resumed = False
        if method.by_session:
            reading.pages = self.portal.messages(method, self._sessions(walk))
        else:
            reading.pages = self.portal.pages(method, reading.columns, walk["after"], walk["since"])

    def _finish(self, reading: _Reading) -> None:
        """A table was read to its end."""
        tally, table = self.tallies[reading.table.name], reading.table
        reading.is_over = True
        if not reading.method.is_incremental:
            gone = max(0, tally.before - tally.received)
            if self.is_doubtful(table, tally.before, gone):
                tally.received, reading.spool = 0, None
            else:
                tally.deleted = gone
            return
        walk = reading.state.pop("walk")
        reading.state["loaded_until"] = walk["started"]
        if reading.is_resumed:
            # what has changed since the walk began
            self._commit(reading)
            self._open.append(_Reading(table, reading.method, self.state_of(table)))

    def _give_up(self, reading: _Reading, error: PortalError) -> None:
        """A table that cannot be read; the others can, unless it is the portal that fails."""
        table = reading.table
        successor = reading.method.successor
        if error.code == "ERROR_METHOD_NOT_FOUND" and successor:
            if reading.count:
                self._commit(reading)
            message = f"{reading.method.name} is gone: {successor.name} is asked instead"
            self.log.event("successor", message, "warning", table=table.name)
            reading.method = self.methods[table.name] = successor
            reading.pages = None
            return
        self._silent += error.passes
        if not error.of_method or self._silent == _SILENT:
            raise self.failures[0] if self.failures else error
        reading.is_over = True
        if not reading.method.is_incremental:
            # half a dictionary does not take the place of a whole one
            reading.spool = None
        self.note(table, error)

    def note(self, table: RawTable, error: CrmEffectError) -> None:
        """Keeps what became of a table: its failure is that of the load if it is required."""
        if table.required:
            self.failures.append(error)
        elif "loaded_until" in self.state_of(table):
            message = f"{table.name} stays as it was: {error}"
            self.log.event("left_out", message, "warning", table=table.name)
        else:
            self.left_out.add(table.name)
            message = f"{table.name} is left out: {error}"
            self.log.event("left_out", message, "warning", table=table.name)

    def is_doubtful(self, table: RawTable, rows: int, gone: int) -> bool:
        """Whether a table would lose so many rows that a person has to say so; notes it."""
        some = gone > FEW_ROWS and gone > rows * LARGE_SHARE
        if self.wishes.accept_deletions or not (some or gone == rows > 0):
            return False
        self.failures.append(
            DataError(
                f"{table.name}: the portal no longer gives {gone:,} of {rows:,} rows, nothing was "
                "removed; if they were deleted, run `crm-effect load --sweep --accept-deletions`"
            )
        )
        return True

    def _sessions(self, walk: dict[str, Any]) -> list[int]:
        """The chats that are new or changed, by their activities; those left of a walk."""
        # the activities must be there
        self._commit()
        activities = self.project.raw_tables[ACTIVITIES]
        read_until = self.state_of(activities).get("loaded_until")
        if not read_until:
            text = f"its chats are known by {ACTIVITIES}, which was not read"
            raise PortalError("no_activities", text)
        walk.setdefault("started", read_until)
        since = walk["since"] and datetime.fromisoformat(walk["since"])
        with self.pipeline.sql_client() as client:
            chats = client.execute_sql(
                f"select associated_entity_id, last_updated from {self.name(client, activities)} "
                "where provider_id = 'IMOPENLINES_SESSION'"
            )
        found = {
            int(session)
            for session, changed in chats or ()
            if session and session.isdigit() and (not since or _is_since(changed, since))
        }
        return sorted(session for session in found if session > walk["after"])

    # -- commits

    def _commit(self, *more: _Reading) -> None:
        """Writes what was read, and where to go on, in one load of dlt."""
        readings = [one for one in (*self._pending, *more) if one.spool]
        self._pending = []
        if not readings:
            return
        for reading in readings:
            if reading.table.name in self.dropped:
                # dlt believes that the table is there
                self.pipeline.run([self._resource(reading)], refresh="drop_resources")
                self.dropped.discard(reading.table.name)
        self.pipeline.run([*map(self._resource, readings), self._loaded_tables()])
        for reading in readings:
            self._written += reading.count
            if not reading.is_over:
                reading.spool = Spool(self.folder, reading.table.name, reading.fields)

    def _commit_all(self) -> None:
        """Writes what was read of every table."""
        self._commit(*(one for one in self._open if one.has_part))
        self.save()

    def _resource(self, reading: _Reading) -> DltResource:
        def rows() -> Iterator[Any]:
            state = dlt.current.resource_state(reading.table.name)
            if reading.spool:
                state.clear()
                state.update(reading.state)
            # a table without rows is there as well, once it was read to its end
            is_there = not reading.method.is_incremental or (
                reading.is_first and "walk" not in reading.state
            )
            if reading.spool and (reading.spool.count or is_there):
                yield reading.spool.for_dlt(self.is_postgres)

        return self.resource(reading.table, rows())

    def resource(self, table: RawTable, items: Iterator[Any]) -> DltResource:
        """Rows of a table for dlt; those of known key replace what is there."""
        method = self.methods[table.name]
        return dlt.resource(
            items,
            name=table.name,
            primary_key=method.key.lower(),
            write_disposition="merge" if method.is_incremental else "replace",
            columns=_texts(*(column.name for column in table.columns)),
        )

    def save(self) -> None:
        """Writes where the sweep stands."""
        self.pipeline.run([self._loaded_tables()])

    def _loaded_tables(self) -> DltResource:
        """What is complete, for people and for `crm-effect run`; the last resource of a run."""

        def rows() -> Iterator[Any]:
            state = dlt.current.source_state()
            state["portal"] = self.settings.webhook.host
            resources = state.get("resources", {})
            names = [t.name for t in self.tables if t.name not in self.left_out | self.skipped]
            complete = [name for name in names if "loaded_until" in resources.get(name, {})]
            if "swept_at" not in state and self.now and complete == names:
                # what was read for the first time has nothing to be swept
                state["swept_at"] = self.now.isoformat()
            if self.swept_at:
                state["swept_at"] = self.swept_at
            state["sweep"] = self.sweep_state
            for table in self.tables:
                loaded = resources.get(table.name, {})
                if "loaded_until" in loaded or table.name in names:
                    yield {
                        "raw_table": table.name,
                        "is_complete": "loaded_until" in loaded,
                        "loaded_until": loaded.get("loaded_until"),
                    }

        return dlt.resource(
            rows,
            name=LOADED_TABLES,
            write_disposition="replace",
            columns=_texts("raw_table", "loaded_until") | {"is_complete": {"data_type": "bool"}},
        )

    # -- tables

    def _count_before(self) -> None:
        counts = self._counts()
        for table in self.tables:
            rows = counts[table.name]
            self.tallies[table.name] = Tally(before=rows or 0, after=rows or 0)
            if rows is None and self.state_of(table):
                self.dropped.add(table.name)

    def _counts(self) -> dict[str, int | None]:
        """Rows of each table; None where there is no such table."""
        with self.pipeline.sql_client() as client:
            return {table.name: self._count(client, table) for table in self.tables}

    def _count(self, client: SqlClientBase[Any], table: RawTable) -> int | None:
        try:
            return number(client, f"select count(*) from {self.name(client, table)}")
        except DatabaseUndefinedRelation:
            return None

    def name(self, client: SqlClientBase[Any], table: RawTable) -> str:
        """The qualified name of a raw table."""
        return client.make_qualified_table_name(table.name)

    def _take_back(self) -> None:
        """Puts back what was set aside, to go on with it."""
        for table in self.tables:
            if table.name not in self.skipped and self._is_half_read(table):
                self._rename(table.name + _UNFINISHED, table.name)

    def _set_aside(self) -> None:
        """Half of an optional table that is left out must not be taken for a whole one."""
        for table in self.tables:
            if table.name in self.left_out | self.skipped and self._is_half_read(table):
                self._rename(table.name, table.name + _UNFINISHED)

    def _is_half_read(self, table: RawTable) -> bool:
        state = self.state_of(table)
        return bool(state) and "loaded_until" not in state

    def _rename(self, name: str, other: str) -> None:
        with self.pipeline.sql_client() as client:
            old, new = client.make_qualified_table_name(name), client.escape_column_name(other)
            try:
                client.execute_sql(f"alter table {old} rename to {new}")
            except DatabaseUndefinedRelation:
                return

    # -- deleted rows

    def _is_sweep_due(self) -> bool:
        if self.wishes.sweep or self.wishes.full or self.sweep_state:
            return True
        swept_at = self._state.get("swept_at")
        if not self.settings.sweep_days or not swept_at or not self.now:
            return False
        passed = self.now - datetime.fromisoformat(swept_at)
        return passed >= timedelta(days=self.settings.sweep_days)


def _texts(*columns: str) -> dict[str, Any]:
    # dlt writes into each of them
    return {column: {"data_type": "text", "nullable": True} for column in columns}


def _since(state: dict[str, Any], method: Method) -> str | None:
    if "loaded_until" not in state:
        return None
    overlap = OVERLAP + timedelta(days=method.settles_after)
    return (datetime.fromisoformat(state["loaded_until"]) - overlap).isoformat()


def _is_since(moment: str | None, since: datetime) -> bool:
    """Whether a time of the portal is not before another; one that cannot be read may be."""
    try:
        return datetime.fromisoformat(moment or "") >= since
    except (ValueError, TypeError):
        return True


def _check_names(project: Project, settings: Settings) -> None:
    chosen = of_deal_types(settings.deal_types, project.raw_tables)
    for table in project.raw_tables.values():
        names = [project.raw_column(table.name, column.name) for column in table.columns]
        identifier = project.raw_identifier(table.name)
        if project.vars["raw_preset"] == "deal_type" and table.name in DEAL_TYPE_TABLES:
            if identifier not in chosen:
                number = project.vars["deal_entity_type"]
                raise ConfigurationError(
                    f"var deal_entity_type is {number}: add {number} to {TYPES}, which loads it"
                )
            identifier = table.name
        if identifier != table.name or names != [column.name for column in table.columns]:
            raise ConfigurationError(
                f"{table.name} has other names by the vars raw_preset, raw_identifiers or "
                "raw_columns: they are for what other loaders bring"
            )


def _destination(project: Project) -> Any:
    if project.target == "duckdb":
        return dlt.destinations.duckdb(str(project.raw_db))
    # the rest, a password above all, the driver finds as PostgreSQL's own tools do
    given = project.environment
    return dlt.destinations.postgres(
        {
            # may be the folder of a socket
            "host": quote(given.get("PGHOST") or "localhost", safe=""),
            "port": int(given.get("PGPORT") or 5432),
            "username": given.get("PGUSER") or "crm",
            "password": "",
            "database": given.get("PGDATABASE") or "crm",
        }
    )


def _said(error: BaseException, source: str) -> BaseException:
    """What a failure of dlt comes down to, in one line."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, CrmEffectError):
            return link
        if isinstance(link, duckdb.IOException) and Path(source).is_file():
            said = explained(Path(source), link)
            if isinstance(said, AnotherRunError):
                return AnotherRunError(f"{source} is open in another program: close it there")
            return said
    text = str(chain[-1]).strip() or type(chain[-1]).__name__
    return ConfigurationError(f"{source}: {text.splitlines()[0]}")
