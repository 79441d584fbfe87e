"""Marts that passed their tests -> what BI tools read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from bitrix24_effectiveness.build import MARTS, passed_marts
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import literal, quote, remove, replaced_when_done, sync
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project


def publish(project: Project, log: Log) -> None:
    """Copies schema `marts` of the warehouse to a read-only DuckDB file and to Parquet files.

    Each of the two is replaced by one rename: a reader sees the old one or the new one, whole. A
    reader that has the old one open goes on reading it.

    Raises:
        DataError: the last build did not pass, so there is nothing that may be published.
        ConfigurationError: the marts cannot be read or written.
    """
    marts = passed_marts(project)
    target = project.marts_db
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            _new_version(project.parquet_dir) as folder,
            # others may read it, and nobody may change it
            replaced_when_done(target, mode=0o444) as unfinished,
        ):
            _copy(project.warehouse_db, marts, unfinished, folder)
    except OSError as error:
        raise ConfigurationError(
            f"cannot publish to {target.parent}: {error.strerror or error}"
        ) from error
    except duckdb.Error as error:
        raise ConfigurationError(f"cannot publish: {str(error).splitlines()[0]}") from error
    log.event("published", f"{len(marts)} marts are published in {target}", tables=len(marts))


def _copy(warehouse: Path, marts: list[str], target: Path, folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{literal(warehouse)}' as warehouse (read_only)")
        # a file named marts.duckdb would be a catalog named as its schema, and `marts.x` ambiguous
        connection.execute(f"attach '{literal(target)}' as published")
        connection.execute(f"create schema published.{MARTS}")
        definitions = dict(
            connection.execute(
                "select table_name, sql from duckdb_tables() "
                "where database_name = 'warehouse' and schema_name = ?",
                [MARTS],
            ).fetchall()
        )
        connection.execute(f"use published.{MARTS}")
        for name in marts:
            table = quote(name)
            # the definition carries the contract: types, and what is never null
            connection.execute(definitions[name])
            connection.execute(f"insert into {table} select * from warehouse.{MARTS}.{table}")
            connection.execute(
                f"copy {table} to '{literal(folder / (name + '.parquet'))}' (format parquet)"
            )
        for statement in _comments(connection, marts):
            connection.execute(statement)
        connection.execute("checkpoint published")


def _comments(connection: duckdb.DuckDBPyConnection, marts: list[str]) -> list[str]:
    of_marts = (
        "where database_name = 'warehouse' and schema_name = ? and list_contains(?, table_name) "
        "and comment is not null"
    )
    tables = connection.execute(
        f"select table_name, comment from duckdb_tables() {of_marts}", [MARTS, marts]
    ).fetchall()
    columns = connection.execute(
        f"select table_name, column_name, comment from duckdb_columns() {of_marts}", [MARTS, marts]
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
