"""Marts that passed their tests -> what BI tools read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from bitrix24_effectiveness.build import check_passed
from bitrix24_effectiveness.errors import ConfigurationError, DataError
from bitrix24_effectiveness.files import literal, quote, remove, replaced_when_done, sync
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project

SCHEMA = "marts"


def publish(project: Project, log: Log) -> None:
    """Copies schema `marts` of the warehouse to a read-only DuckDB file and to Parquet files.

    Each of the two is replaced by one rename: a reader sees the old one or the new one, whole. A
    reader that has the old one open goes on reading it.

    Raises:
        DataError: the last build did not pass, so there is nothing that may be published.
        ConfigurationError: the marts cannot be read or written.
    """
    check_passed(project)
    target = project.marts_db
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            _new_version(project.parquet_dir) as folder,
            # others may read it, and nobody may change it
            replaced_when_done(target, mode=0o444) as unfinished,
        ):
            tables = _copy(project.warehouse_db, unfinished, folder)
    except OSError as error:
        raise ConfigurationError(
            f"cannot publish to {target.parent}: {error.strerror or error}"
        ) from error
    except duckdb.Error as error:
        raise ConfigurationError(f"cannot publish: {str(error).splitlines()[0]}") from error
    log.event("published", f"{tables} marts are published in {target}", tables=tables)


def _copy(warehouse: Path, target: Path, folder: Path) -> int:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{literal(warehouse)}' as warehouse (read_only)")
        # a file named marts.duckdb would be a catalog named as its schema, and `marts.x` ambiguous
        connection.execute(f"attach '{literal(target)}' as published")
        connection.execute(f"create schema published.{SCHEMA}")
        tables = connection.execute(
            "select table_name, sql from duckdb_tables() "
            "where database_name = 'warehouse' and schema_name = ? order by table_name",
            [SCHEMA],
        ).fetchall()
        if not tables:
            raise DataError(f"nothing to publish: the warehouse has no tables in schema {SCHEMA}")
        connection.execute(f"use published.{SCHEMA}")
        for name, definition in tables:
            table = quote(name)
            # the definition carries the contract: types, and what is never null
            connection.execute(definition)
            connection.execute(f"insert into {table} select * from warehouse.{SCHEMA}.{table}")
            connection.execute(
                f"copy {table} to '{literal(folder / (name + '.parquet'))}' (format parquet)"
            )
        for statement in _comments(connection):
            connection.execute(statement)
        connection.execute("checkpoint published")
    return len(tables)


def _comments(connection: duckdb.DuckDBPyConnection) -> list[str]:
    tables = connection.execute(
        "select table_name, comment from duckdb_tables() where database_name = 'warehouse' "
        "and schema_name = ? and comment is not null",
        [SCHEMA],
    ).fetchall()
    columns = connection.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where database_name = 'warehouse' and schema_name = ? and comment is not null "
        "and not internal",
        [SCHEMA],
    ).fetchall()
    return [
        f"comment on table {quote(table)} is '{literal(comment)}'" for table, comment in tables
    ] + [
        f"comment on column {quote(table)}.{quote(column)} is '{literal(comment)}'"
        for table, column, comment in columns
    ]


@contextmanager
def _new_version(link: Path) -> Iterator[Path]:
    """Gives a new folder for Parquet files; `link` points at it when all went well.

    The version before it stays until the next publication, for readers that are half-way through.
    """
    if link.exists() and not link.is_symlink():
        raise ConfigurationError(
            f"{link} is in the way: the Parquet files are published there; move it"
        )
    versions = link.with_name(f".{link.name}.versions")
    folder = versions / str(time.time_ns())
    folder.mkdir(parents=True)
    try:
        yield folder
        for path in folder.iterdir():
            path.chmod(0o444)
            sync(path)
        sync(folder)
        before = link.resolve()
        with replaced_when_done(link) as unfinished:
            unfinished.symlink_to(os.path.relpath(folder, link.parent))
    except BaseException:
        remove(folder)
        raise
    for version in versions.iterdir():
        if version.resolve() not in (folder.resolve(), before):
            remove(version)
