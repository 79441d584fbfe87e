"""Apache Spark in local mode, set as the target `spark` of the profile sets it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]

# tables of a few hundred rows: compiling Java for a query takes longer than running it
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def missing() -> str | None:
    """What Spark lacks on this machine and how to get it; None when nothing."""
    if not all(map(importlib.util.find_spec, ("pyspark", "dbt.adapters.spark"))):
        return "no pyspark here: pip install --require-hashes -r requirements-spark.lock"
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        return "no Java here: apt-get install openjdk-17-jre-headless"
    return None


def session(settings: dict[str, str] | None = None) -> Any:
    """The Spark session of this process, which dbt then shares.

    `settings` are added to those of the profile. Those of the Java process hold from the first call
    on: CRM_SPARK_DIR cannot change later.
    """
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.enableHiveSupport()
    found = _profile()["server_side_parameters"]
    for name, value in (settings or {}).items():
        found[name] = f"{found[name]} {value}" if name.endswith("Options") else value
    for name, value in found.items():
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


if __name__ == "__main__":
    sys.exit(missing())
