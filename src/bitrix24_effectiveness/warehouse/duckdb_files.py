"""DuckDB: raw tables, warehouse and published marts are files of one machine."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy
import yaml

from bitrix24_effectiveness.duckdb_file import (
    DEMO_PORTAL,
    MARKS,
    OFFLINE,
    PUBLICATION,
    check_replaceable,
    explained,
    first_line,
    mark,
    opened,
)
from bitrix24_effectiveness.errors import AfterPublicationError, AnotherRunError, ConfigurationError
from bitrix24_effectiveness.files import (
    literal,
    quote,
    read_json,
    remove,
    replaced_when_done,
    sync,
    write_json,
)
from bitrix24_effectiveness.lock import only_run
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.kept import KEPT, definition
from bitrix24_effectiveness.warehouse.reader import Comparison, Reader, Row

_MARTS = "marts"
_QUALITY = "quality"
# sorts by time
_INSTANT = "%Y%m%dT%H%M%S.%fZ"


class DuckDBFiles:
    """The files that CRM_RAW_DB, CRM_WAREHOUSE_DB and CRM_MARTS_DB name."""

    def __init__(self, project: Project) -> None:
        """Opens nothing."""
        self._project = project

    @property
    def raw_source(self) -> str:
        """The raw file."""
        return str(self._project.raw_db)

    @property
    def sqlalchemy_url(self) -> str:
        """Of the warehouse file."""
        url = sqlalchemy.URL.create("duckdb", database=str(self._project.warehouse_db))
        return url.render_as_string()

    def check_publishes(self) -> None:
        """Checks the system, and that BI tools will be able to query the published file."""
        if sys.platform == "win32":
            raise ConfigurationError(
                "on Windows a file that a BI tool has open cannot be replaced: only demo, "
                "load-files, guard and build work there; run in WSL, or set CRM_TARGET=postgres"
            )
        path = self._project.marts_db
        # DuckDB names a database after its file, up to the first dot
        if path.name.partition(".")[0].lower() == _MARTS:
            raise ConfigurationError(
                f"CRM_MARTS_DB is {path}: give the file another name than its schema, such as "
                f"crm.duckdb; DuckDB calls the database {_MARTS} too, and then {_MARTS}.x is "
                "ambiguous in every query of a BI tool"
            )
        self._check_files_differ()

    def check(self) -> None:
        """Checks the file to build in, and that what is published would replace nothing else.

        The former must be a DuckDB database that nobody else has open.
        """
        self._check_files_differ()
        path = self._project.warehouse_db
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {path.parent}: {error.strerror or error}"
            ) from error
        with opened(path, read_only=False):
            pass
        self._check_published_file([])

    def _check_files_differ(self) -> None:
        """Each file is replaced or written to by another command: no two may be one."""
        project = self._project
        places = {
            "CRM_RAW_DB": project.raw_db,
            "CRM_WAREHOUSE_DB": project.warehouse_db,
            "CRM_MARTS_DB": project.marts_db,
            "the Parquet files beside CRM_MARTS_DB": project.parquet_dir,
        }
        for (one, path), (other, other_path) in itertools.combinations(places.items(), 2):
            if _are_one(path, other_path):
                hint = ""
                if {one, other} == {"CRM_MARTS_DB", "the Parquet files beside CRM_MARTS_DB"}:
                    hint = ", ending in .duckdb"
                raise ConfigurationError(
                    f"{one} and {other} would be the same place, {path}: give each its own{hint}"
                )

    def _check_published_file(self, marts: Sequence[str]) -> None:
        """What another made is not replaced.

        Args:
            marts: What is about to be published; a file without a mark, as versions before 0.2
                wrote it, is ours if it holds nothing but these.
        """
        known = marts or self.read_state().get("marts", [])
        check_replaceable(
            self._project.marts_db,
            PUBLICATION,
            "what crm-effect published",
            "name another file in CRM_MARTS_DB, or move this one away",
            [f"{_MARTS}.{mart}" for mart in known],
        )

    def only_run(self) -> AbstractContextManager[None]:
        """Holds the lock beside the warehouse; the system lets go of it when the process ends."""
        return only_run(self._project.warehouse_db)

    @contextmanager
    def raw(self) -> Iterator[Reader]:
        """Opens the raw file, read-only."""
        path = self._project.raw_db
        if not path.is_file():
            raise ConfigurationError(
                f"no raw database at {path}: set CRM_RAW_DB, or make one with `crm-effect demo` "
                "or `crm-effect load-files DIR`"
            )
        try:
            with opened(path) as connection:
                yield Reader(connection)
        except AnotherRunError as error:
            raise ConfigurationError(str(error)) from error

    def raw_fingerprint(self) -> list[list[int]] | None:
        """Of the raw file, and of the log of changes beside it."""
        path = self._project.raw_db
        return _stats(path, path.with_name(path.name + ".wal"))

    @contextmanager
    def new_raw_tables(self, may_replace: bool) -> Iterator[Path]:
        """Gives the raw file itself: its writers replace it as a whole."""
        self._check_files_differ()
        if not may_replace:
            check_replaceable(
                self._project.raw_db,
                DEMO_PORTAL,
                "a demo portal",
                "name another file in CRM_RAW_DB, or move this one away",
            )
        yield self._project.raw_db

    def add_raw_tables(self, file: Path, tables: Sequence[str]) -> None:
        """Writes them into the raw file."""
        schema = quote(self._project.raw_schema)
        with opened(self._project.raw_db, read_only=False) as connection:
            connection.execute(f"attach '{literal(file)}' as added (read_only)")
            connection.execute("begin")
            for table in tables:
                name = f"{schema}.{quote(table)}"
                connection.execute(f"create or replace table {name} as from added.{name}")
            connection.execute("commit")
            connection.execute("detach added")
            connection.execute("checkpoint")

    def some_rows(self, relation: str, limit: int) -> list[Row]:
        """Reads them from the warehouse file."""
        try:
            with duckdb.connect(str(self._project.warehouse_db), read_only=True) as connection:
                return Reader(connection).rows(f"select * from {relation} limit {limit}")
        except duckdb.Error:
            return []

    @property
    def scratch_database(self) -> str | None:
        """The one in memory that the profile attaches, if it does."""
        profiles = yaml.safe_load((self._project.profiles_dir / "profiles.yml").read_text("utf-8"))
        output = profiles.get(self._project.profile, {}).get("outputs", {}).get("duckdb", {})
        attached = output.get("attach") or []
        return next((one.get("alias") for one in attached if one.get("path") == ":memory:"), None)

    def dbt_is_done(self) -> None:
        """Closes the warehouse file, which dbt-duckdb would keep open until the process ends."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()

    @property
    def _state_path(self) -> Path:
        warehouse = self._project.warehouse_db
        return warehouse.with_name(warehouse.name + ".build.json")

    def read_state(self) -> dict[str, Any]:
        """Reads the file beside the warehouse."""
        return read_json(self._state_path)

    def write_state(self, state: dict[str, Any]) -> None:
        """Writes the file beside the warehouse."""
        write_json(self._state_path, state)

    def fingerprint(self, marts: Sequence[str]) -> list[int] | None:
        """Size and time of the warehouse file."""
        try:
            stat = self._project.warehouse_db.stat()
        except FileNotFoundError:
            return None
        return [stat.st_size, stat.st_mtime_ns]

    @contextmanager
    def beside(self, may_write: bool = False) -> Iterator[Reader | None]:
        """Opens the warehouse file."""
        path = self._project.warehouse_db
        if not may_write and not path.exists():
            yield None
            return
        with opened(path, not may_write, is_for_little=True) as connection:
            connection.execute("begin")
            yield Reader(connection)
            connection.execute("commit")

    @contextmanager
    def comparison(self, tables: Sequence[str]) -> Iterator[Comparison | None]:
        """The published file, attached to the warehouse file."""
        path = self._project.marts_db
        mark_of = self._mark_of(path) if path.exists() else None
        if not mark_of:
            yield None
            return
        with opened(self._project.warehouse_db, read_only=False) as connection:
            connection.execute("set enable_progress_bar = false")
            connection.execute(f"attach '{literal(path)}' as published (read_only)")
            (there,) = connection.execute(
                "select count(*) from duckdb_tables() where schema_name = ? "
                "and list_contains(?, table_name)",
                [_MARTS, list(tables)],
            ).fetchall()
            connection.execute("begin")
            settings = mark_of.get("settings")
            yield (
                None
                if there[0] < 2 * len(tables)
                else Comparison(
                    Reader(connection),
                    f"published.{_MARTS}",
                    _MARTS,
                    datetime.fromisoformat(mark_of["run"]).replace(tzinfo=None),
                    json.loads(settings) if settings else None,
                )
            )
            connection.execute("commit")

    def publish(self, marts: Sequence[str], settings: dict[str, Any] | None = None) -> str:
        """Copies schema `marts` of the warehouse to a read-only DuckDB file and to Parquet files.

        Each of the two is replaced by one rename: a reader sees the old one or the new one, whole.
        A reader that has the old one open goes on reading it.
        """
        target, mode, is_published = self._project.marts_db, self._project.marts_mode, False
        now = datetime.now(UTC)
        self._check_files_differ()
        self._check_published_file(marts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._new_version(now) as folder:
                # nobody may change it, its owner included
                with replaced_when_done(target, mode) as unfinished:
                    _copy(self._project, list(marts), unfinished, folder, now, settings)
                    self._keep_current()
                is_published = True
        except OSError as error:
            what = f"{error.filename or target.parent}: {error.strerror or error}"
            if is_published:
                raise AfterPublicationError(
                    f"{target} is published, the Parquet files beside it are not: {what}"
                ) from error
            raise ConfigurationError(f"cannot publish to {target.parent}: {what}") from error
        except duckdb.Error as error:
            raise ConfigurationError(f"cannot publish: {first_line(error)}") from error
        return str(target)

    def published_fingerprint(self) -> list[list[int]] | None:
        """Of the file and of the Parquet files."""
        folder = self._project.parquet_dir
        return _stats(self._project.marts_db, folder, *sorted(folder.glob("*.parquet")))

    def publication(self) -> datetime | None:
        """What the mark of the published file says."""
        path = self._project.marts_db
        return self._instant_of(path) if path.exists() else None

    def _instant_of(self, path: Path) -> datetime:
        mark_of = self._mark_of(path)
        if not mark_of:
            raise ConfigurationError(
                f"{path} was not published by this version of crm-effect: run `crm-effect run`"
            )
        return datetime.fromisoformat(mark_of["run"])

    def _mark_of(self, path: Path) -> Row:
        """All that the mark of a published file says; nothing where there is none."""
        with opened(path, is_for_little=True) as connection:
            reader = Reader(connection)
            if (MARKS, PUBLICATION) not in reader.tables_of(MARKS):
                return {}
            return reader.rows(f"select * from {MARKS}.{PUBLICATION}")[0]

    # -- earlier publications: files and folders called by their instants, hidden beside the current

    @property
    def _versions(self) -> Path:
        link = self._project.parquet_dir
        return link.with_name(f".{link.name}.versions")

    def _kept(self, instant: datetime) -> Path:
        return self._versions / f"{instant:{_INSTANT}}.duckdb"

    def publications(self) -> list[datetime]:
        """Files of earlier publications."""
        current, found = self.publication(), []
        for path in sorted(self._versions.glob("*.duckdb"), reverse=True):
            # what somebody else has put there
            with suppress(ValueError):
                found.append(datetime.strptime(path.stem, _INSTANT).replace(tzinfo=UTC))
        return [instant for instant in found if instant != current]

    def make_current(self, instant: datetime) -> None:
        """Replaces the published file and the link to its Parquet files, each by one rename."""
        target, mode, kept = self._project.marts_db, self._project.marts_mode, self._kept(instant)
        link, folder = self._project.parquet_dir, kept.with_suffix("")
        self._instant_of(kept)
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is missing: that publication is not whole")
        self._check_published_file([])
        self._check_link()
        try:
            self._keep_current()
            with replaced_when_done(target, mode) as unfinished:
                _link(kept, unfinished)
            with replaced_when_done(link) as unfinished:
                unfinished.symlink_to(os.path.relpath(folder, link.parent))
        except OSError as error:
            raise ConfigurationError(
                f"{error.filename or target}: {error.strerror or error}"
            ) from error

    def _keep_current(self) -> None:
        """Another name for the published file, which it keeps when it is replaced."""
        try:
            current = self.publication()
        except ConfigurationError:
            # of a version that knew no instants, or broken: nothing to go back to
            return
        if current is not None:
            kept = self._kept(current)
            # what lies there was not necessarily finished
            with replaced_when_done(kept, self._project.marts_mode) as unfinished:
                _link(self._project.marts_db, unfinished)

    def _check_link(self) -> None:
        link = self._project.parquet_dir
        is_ours = link.is_symlink() and link.resolve().parent == self._versions.resolve()
        if (link.exists() or link.is_symlink()) and not is_ours:
            raise ConfigurationError(
                f"{link} is in the way: the Parquet files are published there; move it"
            )

    @contextmanager
    def _new_version(self, instant: datetime) -> Iterator[Path]:
        """Gives a new folder for Parquet files; the link points at it when all went well.

        Whoever may read the files may also enter the folders.

        CRM_KEEP publications stay, and at least the folder of the one before until the next one,
        for readers that are half-way through.
        """
        mode, link, versions = self._project.marts_mode, self._project.parquet_dir, self._versions
        self._check_link()
        folder = self._kept(instant).with_suffix("")
        folder.mkdir(parents=True)
        try:
            yield folder
            for path in folder.iterdir():
                path.chmod(mode)
                sync(path)
            for path in (versions, folder):
                path.chmod(0o700 | mode | mode >> 2)
            sync(folder)
            before = link.resolve()
            with replaced_when_done(link) as unfinished:
                unfinished.symlink_to(os.path.relpath(folder, link.parent))
        except BaseException:
            remove(folder)
            raise
        stay = {self._kept(one) for one in self.publications()[: self._project.keep - 1]}
        stay |= {path.with_suffix("") for path in stay} | {folder, before}
        for version in versions.iterdir():
            if version.resolve() not in {path.resolve() for path in stay}:
                remove(version)

    @contextmanager
    def published(self) -> Iterator[Reader]:
        """Opens the published file, read-only."""
        path = self._project.marts_db
        if not path.is_file():
            raise ConfigurationError(f"nothing is published at {path}: run `crm-effect run` first")
        try:
            with duckdb.connect(config=OFFLINE) as connection:
                # a bar over a query of seconds would be printed into the report
                connection.execute("set enable_progress_bar = false")
                connection.execute(f"attach '{literal(path)}' as published (read_only)")
                connection.execute(f"use published.{_MARTS}")
                yield Reader(connection)
        except duckdb.Error as error:
            raise explained(path, error) from error

    def published_places(self) -> list[tuple[str, str]]:
        """The file, the Parquet files and how to connect."""
        path = _shown(self._project.marts_db)
        return [("marts", path), ("parquet", _shown(self._project.parquet_dir)), ("connect", path)]


def _stats(first: Path, *others: Path) -> list[list[int]] | None:
    """What the system knows of files: whoever writes to one can set all of it but the last.

    None: the first is not there.
    """
    if not first.exists():
        return None
    stats = [path.stat() for path in (first, *others) if path.exists()]
    return [
        [one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns] for one in stats
    ]


def _link(file: Path, name: Path) -> None:
    """A second name for a file; where the disk knows no such thing, a copy."""
    try:
        name.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, name)


def _copy(
    project: Project,
    marts: list[str],
    target: Path,
    folder: Path,
    instant: datetime,
    settings: dict[str, Any] | None,
) -> None:
    with duckdb.connect(config=OFFLINE) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{literal(project.warehouse_db)}' as warehouse (read_only)")
        connection.execute(f"attach '{literal(target)}' as published")
        connection.execute(f"create schema published.{_MARTS}")
        # one, or each of a thousand statements would wait for the disk
        connection.execute("begin")
        definitions = dict(
            connection.execute(
                "select table_name, sql from duckdb_tables() "
                "where database_name = 'warehouse' and schema_name = ?",
                [_MARTS],
            ).fetchall()
        )
        connection.execute(f"use published.{_MARTS}")
        sources = {name: f"{_MARTS}.{quote(name)}" for name in marts}
        for name in marts:
            # the definition carries the contract: types, and what is never null
            connection.execute(definitions[name])
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' "
            "and schema_name = ? and list_contains(?, table_name) order by 1",
            [_QUALITY, list(KEPT)],
        ).fetchall():
            sources[name] = f"{_QUALITY}.{name}"
            for statement in definition(_MARTS, name):
                connection.execute(statement)
        for name, source in sources.items():
            table = quote(name)
            connection.execute(f"insert into {table} by name select * from warehouse.{source}")
            connection.execute(
                f"copy {table} to '{literal(folder / (name + '.parquet'))}' (format parquet)"
            )
        for statement in _comments(connection, marts):
            connection.execute(statement)
        connection.execute("commit")
        run = instant.isoformat(timespec="microseconds")
        said = {"settings": json.dumps(settings)} if settings else {}
        mark(connection, PUBLICATION, version=project.version, run=run, **said)
        connection.execute("checkpoint published")


def _comments(connection: duckdb.DuckDBPyConnection, marts: list[str]) -> list[str]:
    of_marts = (
        "where database_name = 'warehouse' and schema_name = ? and list_contains(?, table_name) "
        "and comment is not null"
    )
    tables = connection.execute(
        f"select table_name, comment from duckdb_tables() {of_marts}", [_MARTS, marts]
    ).fetchall()
    columns = connection.execute(
        f"select table_name, column_name, comment from duckdb_columns() {of_marts}",
        [_MARTS, marts],
    ).fetchall()
    return [
        f"comment on table {quote(table)} is '{literal(comment)}'" for table, comment in tables
    ] + [
        f"comment on column {quote(table)}.{quote(column)} is '{literal(comment)}'"
        for table, column, comment in columns
    ]


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _are_one(path: Path, other: Path) -> bool:
    """Whether two paths lead to one place: by links, or by case where a disk knows none."""
    if path.exists() and other.exists() and path.samefile(other):
        return True
    return str(path.resolve()).casefold() == str(other.resolve()).casefold()
