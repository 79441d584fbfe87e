"""DuckDB files: opened without the internet, known when broken, replaced only when they are ours.

What this project writes as a whole (a demo portal, the published marts) carries a mark: a table in
the schema `crm_effect`, which names the version of the project and the run. A file that holds
anything else is somebody's own and is never replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import duckdb

from bitrix24_effectiveness.errors import AnotherRunError, ConfigurationError, CrmEffectError
from bitrix24_effectiveness.files import literal

MARKS = "crm_effect"
"""Schema of the mark: no raw table and no mart lies there."""

PUBLICATION = "publication"
"""Mark of published marts."""

DEMO_PORTAL = "demo_portal"
"""Mark of a demo portal."""

OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""Settings of DuckDB: an SQLite file would make it fetch an extension, and run it."""

# where the file's first block names the version that wrote it
_WRITER = slice(52, 84)
_SHOWN = 5


@contextmanager
def opened(
    path: Path, read_only: bool = True, is_for_little: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a DuckDB file.

    Args:
        path: Of the file.
        read_only: Whether nothing will be written.
        is_for_little: Start no threads: for a few rows they cost more than they bring.

    Raises:
        ConfigurationError: it cannot be opened, or what was asked of it failed; says why.
        AnotherRunError: another process has it open.
    """
    try:
        settings = OFFLINE | ({"threads": 1} if is_for_little else {})
        with duckdb.connect(config=settings) as connection:
            # attached, since whoever has it open in this process may have other settings
            how = " (read_only)" if read_only else ""
            connection.execute(f"attach '{literal(path)}' as opened{how}")
            connection.execute("use opened")
            yield connection
    except duckdb.Error as error:
        raise explained(path, error) from error


def explained(path: Path, error: duckdb.Error) -> CrmEffectError:
    """What DuckDB's error says of a file, for a person who has never seen one."""
    message = str(error)
    if "set lock on file" in message:
        holder = re.search(r"PID (\d+)", message)
        process = f"process {holder[1]}" if holder else "another process"
        return AnotherRunError(f"{path} is in use by {process}: close it there and run again")
    start = _first_bytes(path)
    if start.startswith(b"SQLite format 3"):
        return ConfigurationError(f"{path} is an SQLite database: a DuckDB database is needed")
    if "not a valid DuckDB database" in message:
        return ConfigurationError(f"{path} is not a DuckDB database file")
    if "with version number" in message:
        writer = start[_WRITER].split(b"\0")[0].decode("ascii", "replace") or "another version"
        return ConfigurationError(
            f"{path} was written by DuckDB {writer}, which this one ({duckdb.__version__}) cannot "
            "read: write it with this version, or export it there to Parquet and load the files"
        )
    if "Corrupt database" in message or "Could not read enough bytes" in message:
        return ConfigurationError(
            f"{path} is corrupted, a part of it is missing or was overwritten: restore it from a "
            "copy, or move it away and make it anew"
        )
    return ConfigurationError(f"{path}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """The sentence of DuckDB's error, without its kind."""
    lines = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).strip()).splitlines()
    return lines[0] if lines else type(error).__name__


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_WRITER.stop)
    except OSError:
        return b""


# -- whose it is


def mark(connection: duckdb.DuckDBPyConnection, name: str, **said: Any) -> None:
    """Writes the mark into the current database, once everything else is in it.

    Args:
        connection: The database.
        name: Which mark.
        said: What it says, beyond the moment (`run`, by default now) and what the database holds.
    """
    said.setdefault("run", datetime.now(UTC).isoformat(timespec="microseconds"))
    said["holds"] = sorted(_contents(connection))
    columns = ", ".join(f"? as {column}" for column in said)
    connection.execute(f"create schema {MARKS}")
    connection.execute(f"create table {MARKS}.{name} as select {columns}", list(said.values()))
    connection.execute(
        f"comment on table {MARKS}.{name} is "
        "'By this crm-effect knows the file as its own, which a later run may replace.'"
    )


def check_replaceable(
    path: Path, name: str, what: str, instead: str, otherwise: Iterable[str] = ()
) -> None:
    """Checks that a file holds nothing but what we wrote, if there is one.

    Args:
        path: What is to be replaced.
        name: Our mark on it.
        what: What the file had to be for us to replace it.
        instead: What a person can do.
        otherwise: What it may hold without the mark: `schema.name` in lower case, `*` is anything.

    Raises:
        ConfigurationError: it holds something else, or cannot be looked into.
        AnotherRunError: another process has it open for writing.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise ConfigurationError(f"{path} is in the way, it is no file: {instead}")
    with opened(path) as connection:
        found, ours, place = _contents(connection), list(otherwise), f"{MARKS}.{name}"
        if place in found:
            for (held,) in connection.execute(f"select holds from {place}").fetchall():
                ours += [place, *held]
    strangers = sorted(
        name for name in found if not any(fnmatchcase(name, pattern) for pattern in ours)
    )
    if strangers:
        shown = ", ".join(strangers[:_SHOWN]) + (", ..." if len(strangers) > _SHOWN else "")
        raise ConfigurationError(
            f"{path} is not {what}, so it is not replaced: it holds {shown}; {instead}"
        )


def _contents(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Everything that somebody made in the current database, as `schema.name` in lower case."""
    rows = connection.execute(
        """
        select schema_name, table_name from duckdb_tables()
        where not internal and database_name = current_database()
        union all
        select schema_name, view_name from duckdb_views()
        where not internal and database_name = current_database()
        union all
        select schema_name, sequence_name from duckdb_sequences()
        where database_name = current_database()
        union all
        select schema_name, function_name from duckdb_functions()
        where not internal and database_name = current_database()
        union all
        select schema_name, type_name from duckdb_types()
        where not internal and database_name = current_database()
        """
    ).fetchall()
    return {f"{schema}.{name}".lower() for schema, name in rows}
