"""Reading the published marts, and writing figures as people do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import literal
from bitrix24_effectiveness.project import Project

Row = dict[str, Any]


@contextmanager
def published_marts(project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the published marts can be named without schema.

    Raises:
        ConfigurationError: nothing is published, or it cannot be read.
    """
    path = project.marts_db
    if not path.is_file():
        raise ConfigurationError(f"nothing is published at {path}: run `crm-effect run` first")
    try:
        with duckdb.connect() as connection:
            # a bar over a query of seconds would be printed into the report
            connection.execute("set enable_progress_bar = false")
            connection.execute(f"attach '{literal(path)}' as published (read_only)")
            connection.execute("use published.marts")
            yield connection
    except duckdb.Error as error:
        raise ConfigurationError(f"{path}: {str(error).splitlines()[0]}") from error


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any] | None = None
) -> list[Row]:
    """What a query finds, each row by the names of its columns."""
    cursor = connection.execute(query, parameters or [])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def table_if_there(connection: duckdb.DuckDBPyConnection, table: str) -> list[Row] | None:
    """The rows of a mart; None where it was published by a version that did not have it."""
    is_there = connection.execute(
        "select 1 from duckdb_tables() where database_name = 'published' and table_name = ?",
        [table],
    ).fetchone()
    return rows(connection, f"select * from {table}") if is_there else None


def number(value: float, language: str, is_signed: bool = False) -> str:
    """A figure with as many digits as a person reads; `language` is `ru` or `en`."""
    digits = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 100 else 2
    # a small negative number must not become -0.00
    value = round(float(value), digits) + 0.0
    text = f"{value:{'+' if is_signed and value else ''},.{digits}f}".replace("-", "\N{MINUS SIGN}")
    if language == "ru":
        text = text.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
    return text


def whole(count: float, language: str) -> str:
    """A count, with its thousands apart."""
    separator = "\N{NO-BREAK SPACE}" if language == "ru" else ","
    return f"{int(count):,}".replace(",", separator)
