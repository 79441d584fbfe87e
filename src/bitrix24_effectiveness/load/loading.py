"""The command `crm-effect load`: what is read when, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dlt
import duckdb
from dlt.common.exceptions import DltException, SignalReceivedException
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from dlt.extract import DltResource

from bitrix24_effectiveness.errors import (
    AnotherRunError,
    ConfigurationError,
    CrmEffectError,
    DataError,
)
from bitrix24_effectiveness.files import literal, remove
from bitrix24_effectiveness.load.dlt_settings import dlt_settings
from bitrix24_effectiveness.load.methods import METHODS, Method
from bitrix24_effectiveness.load.portal import Page, Portal, PortalError
from bitrix24_effectiveness.load.settings import Settings
from bitrix24_effectiveness.load.spool import Spool
from bitrix24_effectiveness.lock import only_run
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import (
    DELETED_ROWS,
    LOADED_TABLES,
    SWEPT_KEYS,
    Project,
    RawTable,
)
from bitrix24_effectiveness.warehouse import warehouse_of

SOURCE = "bitrix24"
"""Name of the pipeline, and so of its state."""

CHUNK = 50_000
"""Rows of a table that are committed at once: what a killed load reads again."""

OVERLAP = timedelta(minutes=10)
"""Rows changed so long before the last load are read again: others see a change only when its
transaction ends, and the clocks of a portal's machines differ."""

FEW_ROWS, LARGE_SHARE = 20, 0.2
"""More rows than both cannot vanish from a table unless a person says so."""

_TELL_EVERY = 5
_AT_ONCE = 1000


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


def load(
    project: Project, log: Log, sweep: bool = False, accept_deletions: bool = False
) -> dict[str, Tally]:
    """Brings the raw tables up to date with the portal of BITRIX24_WEBHOOK_URL.

    Args:
        project: Where the raw database and the settings are.
        log: Where to say what happens.
        sweep: Look for deleted rows now, not only when BITRIX24_SWEEP_DAYS have passed.
        accept_deletions: A table may lose any share of its rows.

    Returns:
        What was done, by raw table.

    Raises:
        ConfigurationError: no portal, a portal that refuses, one that cannot be reached. What was
            read until then stays, and the next load goes on from there.
        DataError: a table would lose so many rows that they were left where they are.
        AnotherRunError: another load is running, or another program has the raw database open.
    """
    settings = Settings.find(project)
    if settings is None:
        raise ConfigurationError(
            "no portal: set BITRIX24_WEBHOOK_URL, in the environment or in the file .env of "
            f"{project.directory}, to the address of an incoming webhook"
        )
    _check_names(project)
    source = warehouse_of(project).raw_source
    folder = project.raw_db.with_name(project.raw_db.name + ".loading")
    problem: BaseException | None = None
    with only_run(project.raw_db):
        # the database is the truth about what was loaded; what a killed load left here is not
        remove(folder)
        folder.mkdir(parents=True)
        try:
            with dlt_settings(folder), log.status("asking the portal") as show:
                tallies = _Load(
                    project, source, settings, folder, log, _Progress(log, show), accept_deletions
                ).run(sweep)
        except (DltException, duckdb.Error) as error:
            problem = _said(error, source)
        finally:
            remove(folder)
    if problem:
        raise problem
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
    source: str
    settings: Settings
    folder: Path
    log: Log
    progress: _Progress
    accept_deletions: bool
    tallies: dict[str, Tally] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    lost: dict[str, int] = field(default_factory=dict)
    """Tables that lack rows of the portal, with the key that comes before the first of them."""
    failures: list[CrmEffectError] = field(default_factory=list)
    now: datetime | None = None
    """When the portal answered last, by its own clock."""
    swept_at: datetime | None = None

    def __post_init__(self) -> None:
        self.is_postgres = self.project.target == "postgres"
        self.portal = Portal(self.settings, self.log)
        # the small ones first: a webhook that is wrong shows at once
        self.tables = sorted(
            self.project.raw_tables.values(), key=lambda table: METHODS[table.name].is_incremental
        )
        self.pipeline = dlt.pipeline(
            SOURCE,
            pipelines_dir=str(self.folder),
            destination=_destination(self.project),
            dataset_name=self.project.raw_schema,
        )

    def run(self, sweep: bool) -> dict[str, Tally]:
        self.pipeline.sync_destination()
        for table, rows in self._counts().items():
            self.tallies[table] = Tally(before=rows, after=rows)
        self._check_origin()
        self.unfinished = set(self.tallies)
        if not self._state:
            # before any row: what a killed load leaves says which portal it is of
            self.pipeline.run([self._loaded_tables()])
        self._read()
        if not self.failures and (sweep or self._is_sweep_due()):
            self._sweep()
            self._read()
        for table, rows in self._counts().items():
            self.tallies[table].after = rows
        if self.failures:
            raise self.failures[0]
        return self.tallies

    @property
    def _state(self) -> dict[str, Any]:
        """What dlt keeps in the database about the portal: never its address."""
        return self.pipeline.state.get("sources", {}).get(SOURCE, {})

    def _check_origin(self) -> None:
        """Two portals, or a portal and a demo, must not be mixed in one database."""
        if not self._state and any(tally.before for tally in self.tallies.values()):
            raise ConfigurationError(
                f"{self.source} has raw tables that were not loaded from a portal: delete "
                "them, or load into another database"
            )
        known, host = self._state.get("portal"), self.settings.webhook.host
        if known and known != host:
            raise ConfigurationError(
                f"{self.source} holds the portal {known}, BITRIX24_WEBHOOK_URL names {host}: "
                "load it into another database"
            )

    # -- rows

    def _read(self) -> None:
        """Reads what is unfinished, a chunk of each table at a time."""
        while self.unfinished and not self.failures:
            asked = [self._rows_of(t) for t in self.tables if t.name in self.unfinished]
            resources = [resource for resource in asked if resource is not None]
            if resources:
                self.pipeline.run([*resources, self._loaded_tables()])

    def _rows_of(self, table: RawTable) -> DltResource | None:
        method = METHODS[table.name]
        if self.failures:
            return None
        if method.is_incremental:
            return self._resource(table, method, self._walk(table, method))
        # dlt empties a table that is to be replaced and gets no rows: it hears only of good ones
        self.unfinished.discard(table.name)
        pages = self._whole(table, method)
        return self._resource(table, method, self._replacement(table, pages)) if pages else None

    def _resource(self, table: RawTable, method: Method, items: Iterator[Any]) -> DltResource:
        return dlt.resource(
            items,
            name=table.name,
            primary_key=method.key.lower(),
            write_disposition="merge" if method.is_incremental else "replace",
            columns=_texts(*self._fields(table)),
        )

    def _fields(self, table: RawTable) -> dict[str, str]:
        """Fields of the portal's answers by the names of the columns that they go to."""
        method = METHODS[table.name]
        return {column.name: method.field_of(column.name) for column in table.columns}

    def _whole(self, table: RawTable, method: Method) -> list[Page]:
        """All rows of a table that is read as a whole; nothing if they are not to be believed."""
        columns = [column.name for column in table.columns]
        try:
            pages = list(self._pages(table, method, columns))
        except PortalError as error:
            self._note(table, error)
            return []
        tally = self.tallies[table.name]
        gone = max(0, tally.before - tally.received)
        if self._is_doubtful(table, tally.before, gone):
            tally.received = 0
            return []
        tally.deleted = gone
        return pages

    def _replacement(self, table: RawTable, pages: list[Page]) -> Iterator[Any]:
        spool = Spool(self.folder, table.name, self._fields(table))
        for page in pages:
            spool.add(page.rows)
        state = dlt.current.resource_state(table.name)
        state["loaded_until"] = pages[0].asked_at.isoformat()
        yield spool.for_dlt(self.is_postgres)

    def _walk(self, table: RawTable, method: Method) -> Iterator[Any]:
        """New and changed rows, up to a chunk of them; the state says where to go on."""
        if self.failures:
            return
        state = dlt.current.resource_state(table.name)
        columns = [column.name for column in table.columns]
        if state.get("columns") != columns:
            # a column more than last time: only a whole load can fill it
            state.clear()
            state["columns"] = columns
        if table.name in self.lost:
            state["walk"] = {"after": self.lost.pop(table.name), "since": None, "heals": True}
        walk = state.setdefault("walk", {"after": 0, "since": _since(state, method)})
        is_resumed, is_first = "started" in walk, "loaded_until" not in state
        spool = Spool(self.folder, table.name, self._fields(table))
        self.unfinished.discard(table.name)
        try:
            for page in self._pages(table, method, columns, walk["after"], walk["since"]):
                spool.add(page.rows)
                walk.setdefault("started", page.asked_at.isoformat())
                walk["after"] = page.after
                if spool.count >= CHUNK:
                    self.unfinished.add(table.name)
                    break
            else:
                if not walk.get("heals"):
                    state["loaded_until"] = walk["started"]
                if is_resumed or walk.get("heals"):
                    # what has changed since the walk began
                    self.unfinished.add(table.name)
                del state["walk"]
        except PortalError as error:
            self._note(table, error)
        # a table without rows is there as well, once it was read to its end
        if spool.count or (is_first and "walk" not in state):
            yield spool.for_dlt(self.is_postgres)

    def _pages(
        self,
        table: RawTable,
        method: Method,
        columns: list[str],
        after: int = 0,
        since: str | None = None,
    ) -> Iterator[Page]:
        tally = self.tallies[table.name]
        asked = time.monotonic()
        for page in self.portal.pages(method, columns, after, since):
            self.now = page.asked_at
            tally.received += len(page.rows)
            tally.seconds += time.monotonic() - asked
            self.progress.tell(table.name, tally)
            yield page
            asked = time.monotonic()

    def _note(self, table: RawTable, error: PortalError) -> None:
        """Keeps a failure; a table that is not for us, and not required, is none."""
        if error.is_refusal and not table.required:
            self.refused.add(table.name)
            self.log.event("refused", f"{table.name} is left out: {error}", "warning")
        else:
            self.failures.append(error)

    def _is_doubtful(self, table: RawTable, rows: int, gone: int) -> bool:
        some = gone > FEW_ROWS and gone > rows * LARGE_SHARE
        if self.accept_deletions or not (some or gone == rows > 0):
            return False
        self.failures.append(
            DataError(
                f"{table.name}: the portal no longer gives {gone:,} of {rows:,} rows, nothing was "
                "removed; if they were deleted, run `crm-effect load --sweep --accept-deletions`"
            )
        )
        return True

    def _loaded_tables(self) -> DltResource:
        """What is complete, for people and for `crm-effect run`; the last resource of a run."""

        def rows() -> Iterator[Any]:
            state = dlt.current.source_state()
            state["portal"] = self.settings.webhook.host
            if "swept_at" not in state and not self.unfinished:
                # what was read for the first time has nothing to be swept
                self.swept_at = self.now
            if self.swept_at:
                state["swept_at"] = self.swept_at.isoformat()
            resources = state.get("resources", {})
            for table in self.project.raw_tables:
                loaded = resources.get(table, {})
                if "loaded_until" in loaded or table not in self.refused:
                    yield {
                        "raw_table": table,
                        "is_complete": "loaded_until" in loaded,
                        "loaded_until": loaded.get("loaded_until"),
                    }

        return dlt.resource(
            rows,
            name=LOADED_TABLES,
            write_disposition="replace",
            columns=_texts("raw_table", "loaded_until") | {"is_complete": {"data_type": "bool"}},
        )

    def _counts(self) -> dict[str, int]:
        with self.pipeline.sql_client() as client:
            return {table.name: self._count(client, table) for table in self.tables}

    def _count(self, client: SqlClientBase[Any], table: RawTable) -> int:
        try:
            return client.execute_sql(f"select count(*) from {self._name(client, table)}")[0][0]
        except DatabaseUndefinedRelation:
            return 0

    def _name(self, client: SqlClientBase[Any], table: RawTable) -> str:
        return client.make_qualified_table_name(table.name)

    # -- deleted rows

    def _is_sweep_due(self) -> bool:
        if not self.settings.sweep_days or "swept_at" not in self._state or not self.now:
            return False
        swept_at = datetime.fromisoformat(self._state["swept_at"])
        return self.now - swept_at >= timedelta(days=self.settings.sweep_days)

    def _sweep(self) -> None:
        """Removes the rows that the portal no longer has, and notes those that are not here yet.

        Reads nothing but keys. All rows here came before the first of them, so that a row whose key
        does not come is gone; yet the portal is asked once more for each.
        """
        swept: list[RawTable] = []
        self.pipeline.run(
            dlt.resource(
                self._keys(swept),
                name=SWEPT_KEYS,
                write_disposition="replace",
                columns=_texts("raw_table", "id"),
            )
        )
        with self.pipeline.sql_client() as client:
            keys = client.make_qualified_table_name(SWEPT_KEYS)
            for table in swept:
                self._compare(client, keys, table)
            client.execute_sql(f"delete from {keys}")
        if not self.failures:
            self.swept_at = self.now
        self.unfinished = set(self.lost)
        self.pipeline.run([self._loaded_tables()])

    def _keys(self, swept: list[RawTable]) -> Iterator[Any]:
        spool = Spool(self.folder, SWEPT_KEYS, {"raw_table": "raw_table", "id": "id"})
        for table in self.tables:
            method = METHODS[table.name]
            state = dlt.current.resource_state(table.name)
            if not method.is_incremental or "loaded_until" not in state:
                continue
            try:
                for page in self.portal.pages(method, [method.key.lower()]):
                    self.now = page.asked_at
                    spool.add(
                        [
                            {"raw_table": table.name, "id": row[method.key_field]}
                            for row in page.rows
                        ]
                    )
                swept.append(table)
            except PortalError as error:
                self._note(table, error)
        yield spool.for_dlt(self.is_postgres)

    def _compare(self, client: SqlClientBase[Any], keys: str, table: RawTable) -> None:
        name = self._name(client, table)
        key = client.escape_column_name(METHODS[table.name].key.lower())
        of_table = f"select id from {keys} where raw_table = '{table.name}'"
        gone = [
            int(row[0]) for row in client.execute_sql(f"select {key} from {name} except {of_table}")
        ]
        if self._is_doubtful(table, self._count(client, table), len(gone)):
            return
        still_there = self.portal.existing(METHODS[table.name], gone)
        self._remove(client, name, key, table, [one for one in gone if one not in still_there])
        first = client.execute_sql(
            f"select min(cast(id as bigint)) from ({of_table} except select {key} from {name}) as x"
        )[0][0]
        if first is not None:
            self.lost[table.name] = first - 1

    def _remove(
        self, client: SqlClientBase[Any], name: str, key: str, table: RawTable, gone: list[int]
    ) -> None:
        deleted = client.make_qualified_table_name(DELETED_ROWS)
        client.execute_sql(
            f"create table if not exists {deleted} "
            "(raw_table varchar, id varchar, found_at varchar)"
        )
        for start in range(0, len(gone), _AT_ONCE):
            some = gone[start : start + _AT_ONCE]
            values = ", ".join(
                f"('{literal(table.name)}', '{one}', '{self.now.isoformat()}')" for one in some
            )
            with client.begin_transaction():
                client.execute_sql(f"insert into {deleted} values {values}")
                listed = ", ".join(f"'{one}'" for one in some)
                client.execute_sql(f"delete from {name} where {key} in ({listed})")
        self.tallies[table.name].deleted += len(gone)


def _texts(*columns: str) -> dict[str, Any]:
    # dlt writes into each of them
    return {column: {"data_type": "text"} for column in columns}


def _since(state: dict[str, Any], method: Method) -> str | None:
    if not method.is_incremental or "loaded_until" not in state:
        return None
    overlap = OVERLAP + timedelta(days=method.settles_after)
    return (datetime.fromisoformat(state["loaded_until"]) - overlap).isoformat()


def _check_names(project: Project) -> None:
    for table in project.raw_tables.values():
        names = [project.raw_column(table.name, column.name) for column in table.columns]
        if project.raw_identifier(table.name) != table.name or names != [
            column.name for column in table.columns
        ]:
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
        if isinstance(link, SignalReceivedException):
            return KeyboardInterrupt()
        if isinstance(link, duckdb.IOException) and "lock" in str(link).lower():
            return AnotherRunError(f"{source} is open in another program: close it there")
    said = str(chain[-1]).strip() or type(chain[-1]).__name__
    return ConfigurationError(f"{source}: {said.splitlines()[0]}")
