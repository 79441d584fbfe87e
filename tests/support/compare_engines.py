"""Compares the marts that two engines built of one portal, and prints the first difference.

    CRM_TARGET=duckdb dbt build; CRM_TARGET=spark dbt build
    python tests/support/compare_engines.py duckdb spark

Each engine is found as its target in `profiles.yml` finds it, by the same environment variables.
Texts, dates, counts and money are equal or they differ; doubles are equal to 1e-9, relative (and
absolute near 0), since engines add them up in another order.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]

Row = dict[str, Any]
# gives the rows of a mart
Reader = Callable[[str], Iterable[Row]]


def mart_keys(project: Path = REPOSITORY) -> dict[str, str]:
    """The key column of every table of the schema marts: the one that is tested `unique`."""
    keys = {}
    files = sorted((project / "models/marts").glob("*/_*.yml"))
    for path in [*files, project / "models/staging/reference/_seeds.yml"]:
        document = yaml.safe_load(path.read_text("utf-8"))
        for table in document.get("models", []) + document.get("seeds", []):
            if path.name == "_seeds.yml" and table["config"].get("schema") != "marts":
                continue
            unique = [c["name"] for c in table["columns"] if "unique" in c.get("data_tests", [])]
            keys[table["name"]] = unique[0]
    return keys


def duckdb_reader(path: str, schema: str = "marts") -> Reader:
    """Reads a warehouse file.

    Raises:
        duckdb.Error: no such file or table.
    """

    def rows(table: str) -> Iterator[Row]:
        with duckdb.connect(path, read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(f"select * from {schema}.{table}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                yield dict(zip(names, row, strict=True))

    return rows


def postgres_reader(connection: psycopg.Connection, schema: str) -> Reader:
    """Reads over an open connection.

    Raises:
        psycopg.Error: no such table.
    """

    def rows(table: str) -> Iterator[Row]:
        cursor = connection.execute(f"select * from {schema}.{table}")
        names = [column.name for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))

    return rows


def spark_reader(session: Any, schema: str = "") -> Reader:
    """Reads through a Spark session, temporary views where no schema is named.

    Raises:
        pyspark.errors.AnalysisException: no such table.
    """

    def rows(table: str) -> Iterator[Row]:
        frame = session.table(f"{schema}.{table}" if schema else table)
        # a timestamp with a zone would come on the clock of this machine
        columns = [
            frame[name].cast("timestamp_ntz").alias(name) if kind == "timestamp" else frame[name]
            for name, kind in frame.dtypes
        ]
        for row in frame.select(columns).collect():
            yield row.asDict()

    return rows


def differences(expected: Reader, got: Reader, tables: dict[str, str]) -> Iterator[str]:
    """What differs, one line each: table, key, column, both values."""
    for table, key in tables.items():
        yield from _table_differences(table, key, expected(table), got(table))


def _table_differences(
    table: str, key: str, expected: Iterable[Row], got: Iterable[Row]
) -> Iterator[str]:
    rows = {row[key]: row for row in expected}
    others = {row[key]: row for row in got}
    for name in sorted(rows.keys() ^ others.keys()):
        yield f"{table} {name}: only on the {'first' if name in rows else 'second'} side"
    for name in sorted(rows.keys() & others.keys()):
        row, other = rows[name], others[name]
        # their order may differ: Spark puts those that a table is partitioned by last
        if row.keys() != other.keys():
            yield f"{table}: only one side has {', '.join(sorted(row.keys() ^ other.keys()))}"
            return
        for column, value in row.items():
            if not _is_equal(value, other[column]):
                yield f"{table} {name}, {column}: {value} is {other[column]}"


def _is_equal(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return value is other
    if isinstance(value, float) or isinstance(other, float):
        return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None) == other.replace(tzinfo=None)
    return value == other


def _reader_of(target: str) -> Reader:
    if target == "duckdb":
        return duckdb_reader(os.environ.get("CRM_WAREHOUSE_DB", "data/warehouse.duckdb"))
    schema = f"{os.environ.get('CRM_SCHEMA', 'crm')}_marts"
    if target == "postgres":
        return postgres_reader(psycopg.connect(), schema)
    if target == "spark":
        from spark import session

        return spark_reader(session(), schema)
    sys.exit(f"{target}: not a target; duckdb, postgres and spark are")


def main() -> None:
    """Exits with 1 when there is a difference."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    expected, got = map(_reader_of, sys.argv[1:])
    for difference in differences(expected, got, mart_keys()):
        sys.exit(difference)
    print("equal")


if __name__ == "__main__":
    main()
