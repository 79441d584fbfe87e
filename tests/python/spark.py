"""Apache Spark in local mode, set as the target `spark` of the profile sets it.

By itself it says what is missing on this machine; with a DuckDB file of raw tables it copies them
into Spark: `python tests/python/spark.py data/raw.duckdb`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb

from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.spark import missing, spark_session

# tables of a few hundred rows: compiling Java for a query takes longer than running it
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def session(settings: dict[str, str] | None = None) -> Any:
    """The Spark session of this process, as the environment says."""
    return spark_session(Project.find({}), settings)


def write_raw(spark: Any, raw: duckdb.DuckDBPyConnection, folder: Path, schema: str) -> None:
    """Makes Spark tables of the raw tables in a DuckDB database, in place of those of that name.

    `folder` keeps their files for as long as the tables are read.
    """
    spark.sql(f"drop schema if exists {schema} cascade")
    spark.sql(f"create schema {schema}")
    tables = raw.execute(
        "select table_name from duckdb_tables() where schema_name = 'bitrix24'"
    ).fetchall()
    for (table,) in tables:
        path = folder / f"{table}.parquet"
        raw.execute(f"copy bitrix24.{table} to '{path}'")
        spark.sql(f"create table {schema}.{table} using parquet location '{path}'")


def main(arguments: list[str]) -> str | None:
    """What went wrong, None when nothing."""
    if missing() or not arguments:
        return missing()
    folder = Project.find({}).spark_dir / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(arguments[0], read_only=True) as raw:
        write_raw(session(), raw, folder, "bitrix24")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
