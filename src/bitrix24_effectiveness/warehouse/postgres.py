"""PostgreSQL: raw tables, warehouse and published marts are schemas of one database."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import sqlalchemy
from psycopg.sql import SQL, Composed, Identifier, Literal

from bitrix24_effectiveness.duckdb_file import MARKS
from bitrix24_effectiveness.errors import AnotherRunError, ConfigurationError
from bitrix24_effectiveness.files import literal, quote
from bitrix24_effectiveness.project import (
    DELETED_ROWS,
    DEMO_TABLE,
    LOADED_TABLES,
    SWEPT_KEYS,
    Project,
)
from bitrix24_effectiveness.warehouse.kept import KEPT
from bitrix24_effectiveness.warehouse.reader import Comparison, Reader, Row

_STATE = "crm_effect_state"
_OF_LOADS = (LOADED_TABLES, DELETED_ROWS, SWEPT_KEYS)
_BUILD = "build"
# of a publication in the name of its schema
_INSTANT = "%Y%m%dt%H%M%S%f"
OLDEST_VERSION = 15
# how long a publication waits for readers to end their transactions
PATIENCE_SECONDS = 600
# Readers wait behind a lock that waits. Less than the second after which the server looks for
# deadlocks, and could end a reader's transaction.
_HELD_UP_SECONDS = 0.5
PAUSE_SECONDS = 1.0
_BLOCK = 1 << 20


class PostgresServer:
    """The database that libpq's variables name, with the defaults of the dbt profile."""

    def __init__(self, project: Project) -> None:
        """Connects to nothing."""
        self._project = project
        environment = project.environment
        self._host = environment.get("PGHOST") or "localhost"
        self._user = environment.get("PGUSER") or "crm"
        self._database = environment.get("PGDATABASE") or "crm"
        self._name = f"database {self._database} at {self._host}"
        self._state_table = Identifier(project.schema_prefix, _STATE)

    @property
    def raw_source(self) -> str:
        """Database and host."""
        return self._name

    @property
    def sqlalchemy_url(self) -> str:
        """Without port and password: the driver takes both from libpq's variables and files."""
        url = sqlalchemy.URL.create(
            "postgresql+psycopg",
            username=self._user,
            database=self._database,
            query={"host": self._host},
        )
        return url.render_as_string()

    @contextmanager
    def _connection(self, doing: str, **options: Any) -> Iterator[psycopg.Connection]:
        """A connection and its transaction; what the server refuses is a ConfigurationError."""
        application = f"crm-effect {os.getpid()} on {socket.gethostname()}"
        if not os.environ.get("PGCONNECT_TIMEOUT"):
            options["connect_timeout"] = 10
        try:
            connection = psycopg.connect(
                host=self._host,
                user=self._user,
                dbname=self._database,
                application_name=application[:63],
                # seconds; firewalls forget connections that say nothing
                keepalives_idle=30,
                # the server's limit for people would end a long copy
                options=f"{os.environ.get('PGOPTIONS', '')} -c statement_timeout=0",
                **options,
            )
        except psycopg.Error as error:
            raise ConfigurationError(
                f"cannot connect to {self._name} as {self._user}: {_first_line(error)}"
            ) from error
        try:
            with connection:
                version = connection.info.server_version // 10000
                if version < OLDEST_VERSION:
                    raise ConfigurationError(
                        f"{self._name} is PostgreSQL {version}: {OLDEST_VERSION} or newer is needed"
                    )
                yield connection
        except psycopg.Error as error:
            raise ConfigurationError(f"{self._name}: {doing}: {_first_line(error)}") from error

    # -- before a build

    def check_publishes(self) -> None:
        """It can."""

    def check(self) -> None:
        """Checks server, driver of dbt, role of BI tools, and that schemas may be made."""
        if importlib.util.find_spec("dbt.adapters.postgres") is None:
            raise ConfigurationError(
                "CRM_TARGET is postgres, and dbt-postgres is not installed: "
                "pip install 'bitrix24-effectiveness[postgres]'"
            )
        with self._connection("cannot be looked into") as connection:
            encoding = _scalar(connection, "show server_encoding")
            if encoding != "UTF8":
                raise ConfigurationError(
                    f"{self._name} has the encoding {encoding}: it must be UTF8"
                )
            if not _scalar(
                connection, "select has_database_privilege(current_database(), 'create')"
            ):
                raise ConfigurationError(
                    f"{self._user} may not make schemas in {self._name}: "
                    f"grant create on database {self._database} to {self._user}"
                )
            self._check_role(connection)
            self._check_published_schema(connection)

    def _check_role(self, connection: psycopg.Connection) -> None:
        role = self._project.bi_role
        if role and not _scalar(connection, "select 1 from pg_roles where rolname = %s", role):
            raise ConfigurationError(
                f"CRM_BI_ROLE is {role}, and {self._name} has no such role: "
                f"create role {quote(role)}, or unset CRM_BI_ROLE"
            )

    def _check_published_schema(self, connection: psycopg.Connection) -> None:
        """What another wrote is not replaced."""
        schema = self._project.marts_schema
        ours = self._read(connection, self._published_key).get("marts", [])
        strangers = _scalar(
            connection,
            "select string_agg(relname, ', ' order by relname) from pg_class "
            "where relnamespace = to_regnamespace(%s) and relkind not in ('i', 'I') "
            "and not relname = any(%s)",
            quote(schema),
            ours,
        )
        if strangers:
            raise ConfigurationError(
                f"schema {schema} of {self._name} holds what crm-effect has not published there "
                f"({strangers}): move it, or name another schema in CRM_MARTS_SCHEMA"
            )

    @contextmanager
    def only_run(self) -> Iterator[None]:
        """Holds an advisory lock; the server lets go of it when the connection ends."""
        key = f"crm-effect {self._project.schema_prefix}"
        with self._connection("no lock can be had", autocommit=True) as connection:
            # a build may take longer than the server lets connections idle
            connection.execute("set idle_session_timeout = 0")
            lock = _scalar(connection, "select hashtextextended(%s, 0)", key)
            if not _scalar(connection, "select pg_try_advisory_lock(%s)", lock):
                holder = _scalar(
                    connection,
                    "select application_name from pg_locks join pg_stat_activity using (pid) "
                    "where locktype = 'advisory' and granted and objsubid = 1 and database = "
                    "(select oid from pg_database where datname = current_database()) "
                    "and (classid::bigint << 32) | objid::bigint = %s",
                    lock,
                )
                holder = (holder or "unknown").removeprefix("crm-effect ")
                raise AnotherRunError(
                    f"another run (process {holder}) is working on {self._name}: wait until it ends"
                )
            yield

    # -- raw tables

    @contextmanager
    def raw(self) -> Iterator[Reader]:
        """Reads the database."""
        with self._connection("the raw tables cannot be read") as connection:
            yield Reader(connection, "%s")

    @contextmanager
    def new_raw_tables(self, may_replace: bool) -> Iterator[Path]:
        """Copies the tables of a DuckDB file into the raw schema, in one transaction.

        Raw tables of the contract that the file does not have are dropped, and so is what
        `crm-effect load` remembers: its next run loads the whole portal.
        """
        schema = self._project.raw_schema
        with self.only_run(), tempfile.TemporaryDirectory() as folder:
            if not may_replace:
                self._check_no_raw_tables()
            file = Path(folder) / "raw.duckdb"
            yield file
            with self._connection("the raw tables cannot be written") as connection:
                _create_schema(connection, schema)
                for table in self._replaced_raw_tables(connection):
                    old = Identifier(schema, table)
                    connection.execute(SQL("drop table if exists {}").format(old))
                _copy_raw_tables(file, connection, schema)

    def add_raw_tables(self, file: Path, tables: Sequence[str]) -> None:
        """Copies them into the raw schema, in one transaction."""
        schema = self._project.raw_schema
        with self._connection("the raw tables cannot be written") as connection:
            for table in tables:
                old = Identifier(schema, table)
                connection.execute(SQL("drop table if exists {}").format(old))
            _copy_raw_tables(file, connection, schema)

    def _replaced_raw_tables(self, connection: psycopg.Connection) -> list[str]:
        """Tables of the contract, and those by which `crm-effect load` would go on from here."""
        of_dlt = connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) "
            "and relkind = 'r' and relname like %s",
            [quote(self._project.raw_schema), r"\_dlt\_%"],
        )
        return [
            *(self._project.raw_identifier(table) for table in self._project.raw_tables),
            *_OF_LOADS,
            DEMO_TABLE,
            *(name for (name,) in of_dlt),
        ]

    def _check_no_raw_tables(self) -> None:
        schema = self._project.raw_schema
        with self._connection("the raw tables cannot be read") as connection:
            found = _scalar(
                connection,
                "select min(relname::text) from pg_class where relnamespace = to_regnamespace(%s)",
                quote(schema),
            )
        if found:
            raise ConfigurationError(
                f"schema {schema} of {self._name} is not empty ({found}): a demo portal does not "
                "take the place of other tables; drop the schema, or set the var raw_schema"
            )

    # -- what dbt builds

    def some_rows(self, relation: str, limit: int) -> list[Row]:
        """Reads them from the server."""
        try:
            with self._connection("it cannot be read") as connection:
                return Reader(connection, "%s").rows(f"select * from {relation} limit {limit}")
        except ConfigurationError:
            return []

    def raw_fingerprint(self) -> None:
        """None: others write there too."""

    def published_fingerprint(self) -> None:
        """None, likewise."""

    @property
    def scratch_database(self) -> None:
        """None."""

    def dbt_is_done(self) -> None:
        """Nothing to let go of: dbt closes its connections."""

    def read_state(self) -> dict[str, Any]:
        """Reads the table `crm_effect_state`."""
        with self._connection("the state of the build cannot be read") as connection:
            return self._read(connection, _BUILD)

    def write_state(self, state: dict[str, Any]) -> None:
        """Writes the table `crm_effect_state`."""
        with self._connection("the state of the build cannot be kept") as connection:
            self._write(connection, _BUILD, state)

    def _read(self, connection: psycopg.Connection, key: str) -> dict[str, Any]:
        name = self._state_table.as_string(connection)
        if not _scalar(connection, "select to_regclass(%s)", name):
            return {}
        query = SQL("select state from {} where key = %s").format(self._state_table)
        return json.loads(_scalar(connection, query, key) or "{}")

    def _write(self, connection: psycopg.Connection, key: str, state: dict[str, Any]) -> None:
        _create_schema(connection, self._project.schema_prefix)
        connection.execute(
            SQL("create table if not exists {} (key text primary key, state text not null)").format(
                self._state_table
            )
        )
        connection.execute(
            SQL(
                "insert into {} values (%s, %s) "
                "on conflict (key) do update set state = excluded.state"
            ).format(self._state_table),
            [key, json.dumps(state)],
        )

    def fingerprint(self, marts: Sequence[str]) -> list[list[Any]] | None:
        """Of each table: its number, its rows and the newest transaction that wrote one."""
        schema = self._project.schema("marts")
        found = []
        with self._connection("the marts cannot be read") as connection:
            for mart in sorted(marts):
                table = Identifier(schema, mart)
                oid = _scalar(
                    connection, "select to_regclass(%s)::oid::bigint", table.as_string(connection)
                )
                if oid is None:
                    return None
                found += [
                    [oid, *state]
                    for state in connection.execute(
                        SQL("select count(*), max(xmin::text::bigint) from {}").format(table)
                    )
                ]
        return found

    @contextmanager
    def beside(self, may_write: bool = False) -> Iterator[Reader | None]:
        """A transaction on the server."""
        with self._connection("the history of runs cannot be had") as connection:
            connection.read_only = not may_write
            yield Reader(connection, "%s")

    # -- what is published

    @property
    def _published_key(self) -> str:
        return f"published in {self._project.marts_schema}"

    @contextmanager
    def comparison(self, tables: Sequence[str]) -> Iterator[Comparison | None]:
        """Two schemas of the database."""
        old, new = self._project.marts_schema, self._project.schema("marts")
        with self._connection("what is published cannot be compared") as connection:
            reader = Reader(connection, "%s")
            before = self._read(connection, self._published_key)
            there = reader.tables_of(old, new)
            is_whole = {(schema, table) for schema in (old, new) for table in tables} <= there
            yield (
                None
                if not is_whole or not before.get("run")
                else Comparison(
                    reader,
                    quote(old),
                    quote(new),
                    datetime.fromisoformat(before["run"]).replace(tzinfo=None),
                    before.get("settings"),
                )
            )

    def publish(self, marts: Sequence[str], settings: dict[str, Any] | None = None) -> str:
        """Copies the marts to a new schema and renames it, in one transaction.

        Names are looked up outside of a reader's snapshot: one that is half-way would find the
        tables of both versions. So the old tables are locked first, which waits for readers of
        them to end their transactions; and rows are frozen, which shows them to transactions
        that began earlier and have read no mart yet.
        """
        target = self._project.marts_schema
        built = self._project.schema("marts")
        new = f"{target}_unfinished"
        with self._connection("the marts cannot be published") as connection:
            self._check_role(connection)
            self._check_published_schema(connection)
            connection.execute(SQL("create schema {}").format(Identifier(new)))
            with self._connection("the marts cannot be read") as source:
                # against a stray dbt, which would replace them one by one
                source.execute(_lock(built, marts, "access share"))
                kept = self._kept_tables(source)
                for schema, tables in ((built, marts), (self._project.schema("quality"), kept)):
                    for table in tables:
                        _copy_mart(
                            source, Identifier(schema, table), connection, Identifier(new, table)
                        )
            self._grant(connection, new)
            earlier = self._replace(connection, new)
            published = {
                "marts": [*marts, *kept],
                "version": self._project.version,
                "run": datetime.now(UTC).isoformat(timespec="microseconds"),
                "settings": settings,
            }
            self._write(connection, self._published_key, published)
            self._write(connection, self._earlier_key, self._without_oldest(connection, earlier))
        return f"schema {target} of {self._name}"

    def _kept_tables(self, connection: psycopg.Connection) -> list[str]:
        schema = self._project.schema("quality")
        found = Reader(connection, "%s").tables_of(schema)
        return [table for table in KEPT if (schema, table) in found]

    def _grant(self, connection: psycopg.Connection, schema: str) -> None:
        role = self._project.bi_role
        if not role:
            return
        for statement in (
            "grant usage on schema {} to {}",
            "grant select on all tables in schema {} to {}",
        ):
            connection.execute(SQL(statement).format(Identifier(schema), Identifier(role)))

    def _replace(self, connection: psycopg.Connection, new: str) -> dict[str, Any]:
        """Gives a schema the name that is read; what had it is kept as an earlier publication.

        Returns:
            Earlier publications by their schemas, as they have to be written down.
        """
        target = self._project.marts_schema
        earlier = self._read(connection, self._earlier_key)
        before = self._read(connection, self._published_key)
        old = [
            mart
            for (mart,) in connection.execute(
                "select relname from pg_class where relnamespace = to_regnamespace(%s) "
                "and relname = any(%s)",
                [quote(target), before.get("marts", [])],
            )
        ]
        # without its instant nobody could ask for it
        is_whole = bool(before.get("run")) and sorted(old) == sorted(before["marts"])
        if old:
            self._lock_out_readers(connection, old)
            try:
                with connection.transaction(force_rollback=is_whole):
                    self._drop(connection, target, old)
            except psycopg.errors.DependentObjectsStillExist as error:
                # views of others would go on with the old marts for ever, and say nothing
                dependents = (error.diag.message_detail or "").splitlines()
                raise ConfigurationError(
                    f"not published, {dependents[0] if dependents else _first_line(error)}: "
                    "the marts are replaced as a whole, so drop it first"
                ) from error
        if old and is_whole:
            kept = f"{target}_{datetime.fromisoformat(before['run']):{_INSTANT}}"
            _rename(connection, target, kept)
            if self._project.bi_role:
                connection.execute(
                    SQL("revoke usage on schema {} from {}").format(
                        Identifier(kept), Identifier(self._project.bi_role)
                    )
                )
            earlier[kept] = before
        else:
            connection.execute(SQL("drop schema if exists {}").format(Identifier(target)))
        _rename(connection, new, target)
        return earlier

    def _drop(self, connection: psycopg.Connection, schema: str, marts: Sequence[str]) -> None:
        """Drops tables and their schema, without what others made of them: that is theirs."""
        tables = SQL(", ").join(Identifier(schema, mart) for mart in marts)
        connection.execute(SQL("drop table if exists {}").format(tables))
        connection.execute(SQL("drop schema {}").format(Identifier(schema)))

    def _without_oldest(
        self, connection: psycopg.Connection, earlier: dict[str, Any]
    ) -> dict[str, Any]:
        """Drops what is more than CRM_KEEP; what is in use, or others built on, stays for now."""
        newest = sorted(earlier, key=lambda schema: earlier[schema]["run"], reverse=True)
        for schema in newest[self._project.keep - 1 :]:
            try:
                with connection.transaction():
                    if _scalar(connection, "select to_regnamespace(%s)", quote(schema)):
                        connection.execute(
                            SQL("set local lock_timeout = {}").format(
                                Literal(int(1000 * _HELD_UP_SECONDS))
                            )
                        )
                        self._drop(connection, schema, earlier[schema]["marts"])
                        connection.execute("set local lock_timeout = 0")
            except (
                psycopg.errors.DependentObjectsStillExist,
                psycopg.errors.LockNotAvailable,
            ):
                continue
            del earlier[schema]
        return earlier

    def _lock_out_readers(self, connection: psycopg.Connection, marts: Sequence[str]) -> None:
        target = self._project.marts_schema
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with connection.transaction():
                    connection.execute(
                        SQL("set local statement_timeout = {}").format(
                            Literal(int(1000 * _HELD_UP_SECONDS))
                        )
                    )
                    connection.execute(_lock(target, marts, "access exclusive"))
                    connection.execute("set local statement_timeout = 0")
                return
            except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
                if time.monotonic() > deadline:
                    readers = self._readers(connection)
                    raise AnotherRunError(
                        f"not published: for {PATIENCE_SECONDS / 60:.0f} minutes there was always "
                        f"someone in the midst of reading schema {target} ({readers}); the marts "
                        "published before stay; end those sessions and publish again"
                    ) from error
            time.sleep(PAUSE_SECONDS)

    def _readers(self, connection: psycopg.Connection) -> str:
        return _scalar(
            connection,
            "select string_agg(distinct format('%%s, process %%s', usename, pid), '; ') "
            "from pg_locks join pg_class on pg_class.oid = relation "
            "join pg_stat_activity using (pid) "
            "where relnamespace = to_regnamespace(%s) and granted and pid <> pg_backend_pid()",
            quote(self._project.marts_schema),
        )

    def publication(self) -> datetime | None:
        """What the state says, if its schema is there."""
        with self._connection("what is published cannot be read") as connection:
            run = self._read(connection, self._published_key).get("run")
            schema = quote(self._project.marts_schema)
            is_there = _scalar(connection, "select to_regnamespace(%s)", schema)
            return datetime.fromisoformat(run) if run and is_there else None

    @property
    def _earlier_key(self) -> str:
        return f"earlier in {self._project.marts_schema}"

    def publications(self) -> list[datetime]:
        """Schemas of earlier publications, as the state names them."""
        with self._connection("earlier publications cannot be read") as connection:
            earlier = self._read(connection, self._earlier_key).values()
        return sorted((datetime.fromisoformat(one["run"]) for one in earlier), reverse=True)

    def make_current(self, instant: datetime) -> None:
        """Renames two schemas in one transaction, as a publication does."""
        run = instant.isoformat(timespec="microseconds")
        with self._connection("the marts cannot be replaced") as connection:
            self._check_role(connection)
            self._check_published_schema(connection)
            earlier = self._read(connection, self._earlier_key)
            (schema,) = (name for name, one in earlier.items() if one["run"] == run)
            chosen = earlier[schema]
            if not _scalar(connection, "select to_regnamespace(%s)", quote(schema)):
                raise ConfigurationError(f"{self._name}: schema {schema} is no longer there")
            self._grant(connection, schema)
            earlier = self._replace(connection, schema)
            del earlier[schema]
            self._write(connection, self._published_key, chosen)
            self._write(connection, self._earlier_key, earlier)

    @contextmanager
    def published(self) -> Iterator[Reader]:
        """Reads the published schema in one transaction."""
        schema = self._project.marts_schema
        with self._connection("the published marts cannot be read") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if not _scalar(connection, "select to_regnamespace(%s)", quote(schema)):
                raise ConfigurationError(
                    f"nothing is published in schema {schema} of {self._name}: "
                    "run `crm-effect run` first"
                )
            connection.execute(SQL("set search_path = {}").format(Identifier(schema)))
            yield Reader(connection, "%s")

    def published_places(self) -> list[tuple[str, str]]:
        """The schema."""
        return [("marts_on_server", f"{self._project.marts_schema}, {self._name}")]


def _copy_mart(
    source: psycopg.Connection,
    built: Identifier,
    connection: psycopg.Connection,
    published: Identifier,
) -> None:
    connection.execute(SQL("create table {} (like {} including all)").format(published, built))
    comment = _scalar(
        source,
        "select obj_description(to_regclass(%s), 'pg_class')",
        built.as_string(source),
    )
    if comment:
        connection.execute(SQL("comment on table {} is {}").format(published, Literal(comment)))
    with (
        source.cursor().copy(SQL("copy {} to stdout (format binary)").format(built)) as rows,
        connection.cursor().copy(
            SQL("copy {} from stdin (format binary, freeze)").format(published)
        ) as copy,
    ):
        for row in rows:
            copy.write(row)
    # a table that nobody knows yet is read by bad plans
    connection.execute(SQL("analyze {}").format(published))


def _copy_raw_tables(file: Path, connection: psycopg.Connection, schema: str) -> None:
    """Copies all tables of a DuckDB file as text: staging reads every value as text first."""
    rows = file.with_suffix(".csv")
    with duckdb.connect(str(file), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        tables = source.execute(
            "select schema_name, table_name, list(column_name order by column_index) "
            "from duckdb_columns() where not internal and schema_name <> ? group by all",
            [MARKS],
        ).fetchall()
        for file_schema, table, columns in tables:
            texts = ", ".join(f"cast({quote(column)} as varchar)" for column in columns)
            source.execute(
                f"copy (select {texts} from {quote(file_schema)}.{quote(table)}) "
                f"to '{literal(rows)}' (format csv, header false)"
            )
            target = Identifier(schema, table)
            types = SQL(", ").join(SQL("{} text").format(Identifier(name)) for name in columns)
            connection.execute(SQL("create table {} ({})").format(target, types))
            with (
                rows.open("rb") as blocks,
                connection.cursor().copy(
                    SQL("copy {} from stdin (format csv)").format(target)
                ) as copy,
            ):
                while block := blocks.read(_BLOCK):
                    copy.write(block)


def _create_schema(connection: psycopg.Connection, schema: str) -> None:
    connection.execute(SQL("create schema if not exists {}").format(Identifier(schema)))


def _rename(connection: psycopg.Connection, schema: str, name: str) -> None:
    connection.execute(
        SQL("alter schema {} rename to {}").format(Identifier(schema), Identifier(name))
    )


def _lock(schema: str, tables: Sequence[str], mode: str) -> Composed:
    names = SQL(", ").join(Identifier(schema, table) for table in tables)
    return SQL("lock table {} in {} mode").format(names, SQL(mode))


def _scalar(connection: psycopg.Connection, query: str | SQL | Composed, *parameters: Any) -> Any:
    """The only value of the first row; None: there is no row."""
    row = connection.execute(query, parameters or None).fetchone()
    return row and row[0]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
