"""Apache Spark in local mode, set as the target `spark` of the profile sets it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def session() -> Any:
    """The Spark session of this process, which dbt then shares.

    Settings of the Java process hold from the first call on: CRM_SPARK_DIR cannot change later.
    """
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.enableHiveSupport()
    for name, value in _profile()["server_side_parameters"].items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _profile() -> dict[str, Any]:
    text = (REPOSITORY / "profiles.yml").read_text("utf-8")
    rendered = jinja2.Environment().from_string(text).render(env_var=os.environ.get)
    return yaml.safe_load(rendered)["bitrix24_effectiveness"]["outputs"]["spark"]


def write_raw(raw: duckdb.DuckDBPyConnection, folder: Path, schema: str = "bitrix24") -> None:
    """Makes Spark tables of the raw tables in a DuckDB database, in place of those of that name.

    `folder` keeps their files for as long as the tables are read.
    """
    spark = session()
    spark.sql(f"drop schema if exists {schema} cascade")
    spark.sql(f"create schema {schema}")
    tables = raw.execute(
        "select table_name from duckdb_tables() where schema_name = 'bitrix24'"
    ).fetchall()
    for (table,) in tables:
        path = folder / f"{table}.parquet"
        raw.execute(f"copy bitrix24.{table} to '{path}'")
        spark.sql(f"create table {schema}.{table} using parquet location '{path}'")
