"""Apache Spark in this process: raw tables and what dbt builds are schemas of one metastore.

BI tools read there what dbt has built, so that nothing is published.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

from bitrix24_effectiveness.duckdb_file import MARKS
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import literal, quote, read_json, write_json
from bitrix24_effectiveness.lock import only_run
from bitrix24_effectiveness.project import DEMO_TABLE, Project
from bitrix24_effectiveness.warehouse.reader import Reader, Row


def missing() -> str | None:
    """What Spark lacks on this machine and how to get it; None when nothing."""
    if not all(map(importlib.util.find_spec, ("pyspark", "dbt.adapters.spark"))):
        return "no pyspark here: pip install --require-hashes -r requirements-spark.lock"
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        return "no Java here: apt-get install openjdk-17-jre-headless"
    return None


def backquote(name: str) -> str:
    """A name as Spark quotes it."""
    return "`" + name.replace("`", "``") + "`"


def spark_session(project: Project, settings: dict[str, str] | None = None) -> Any:
    """The Spark session of this process, which dbt then shares.

    `settings` are added to those of the dbt profile. Those of the Java process hold from the first
    call on.

    Raises:
        ConfigurationError: the profile names a cluster.
    """
    from pyspark.sql import SparkSession

    profile = _profile(project)
    if profile.get("method") != "session":
        raise ConfigurationError(
            "crm-effect works on Spark in its own process (`method: session`): "
            "on a cluster run `dbt build --target spark`"
        )
    builder = SparkSession.builder.enableHiveSupport()
    found = profile.get("server_side_parameters", {})
    for name, value in (settings or {}).items():
        found[name] = f"{found[name]} {value}" if name.endswith("Options") else value
    for name, value in found.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _profile(project: Project) -> dict[str, Any]:
    environment = project.environment | {"CRM_SPARK_DIR": str(project.spark_dir)}
    profiles = (project.profiles_dir / "profiles.yml").read_text("utf-8")
    text = jinja2.Environment().from_string(profiles)
    profile = yaml.safe_load(text.render(env_var=environment.get))[project.profile]
    return profile["outputs"]["spark"]


class SparkReader(Reader):
    """Asks the Spark session of this process."""

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds, each row by the names of its columns."""
        # Spark quotes names its own way, and calls a text of any length string
        query = query.replace('"', "`").replace(" as varchar)", " as string)")
        found = self._connection.sql(query, args=list(parameters) or None).collect()
        return [row.asDict() for row in found]

    def tuples(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return [tuple(row.values()) for row in self.rows(query, parameters)]

    def columns(self, schema: str) -> list[tuple[str, str]]:
        """Each column of the tables of a schema."""
        if not self._connection.catalog.databaseExists(schema):
            return []
        tables = [
            row["tableName"]
            for row in self.rows(f"show tables in {backquote(schema)}")
            if not row["isTemporary"]
        ]
        return [
            (table.lower(), column)
            for table in tables
            for column in self._connection.table(f"{backquote(schema)}.{backquote(table)}").columns
        ]


class SparkProcess:
    """The session that the dbt profile describes, its metastore in the folder CRM_SPARK_DIR."""

    def __init__(self, project: Project) -> None:
        """Starts nothing."""
        self._project = project
        self._folder = project.spark_dir

    @property
    def raw_source(self) -> str:
        """The folder of the metastore."""
        return f"Spark in {self._folder}"

    @property
    def sqlalchemy_url(self) -> str:
        """Refuses: there is none."""
        raise _refusal()

    def check_publishes(self) -> None:
        """It cannot."""
        raise _refusal()

    def check(self) -> None:
        """Checks what must be installed, and that the folder can be written to."""
        lacking = missing()
        if lacking:
            raise ConfigurationError(f"CRM_TARGET is spark: {lacking}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{self._folder}: {error.strerror}") from error

    def only_run(self) -> AbstractContextManager[None]:
        """Holds a lock in the folder."""
        return only_run(self._folder / "warehouse")

    @contextmanager
    def raw(self) -> Iterator[Reader]:
        """Reads through the session."""
        self.check()
        yield SparkReader(spark_session(self._project))

    @contextmanager
    def new_raw_tables(self, may_replace: bool) -> Iterator[Path]:
        """Copies the tables of a DuckDB file into the raw schema, as text, one after the other."""
        schema = backquote(self._project.raw_schema)
        with self.only_run(), tempfile.TemporaryDirectory() as folder, self.raw() as reader:
            found = sorted(reader.columns(self._project.raw_schema))
            if found and not may_replace:
                raise ConfigurationError(
                    f"schema {self._project.raw_schema} of {self.raw_source} is not empty "
                    f"({found[0][0]}): a demo portal does not take the place of other tables; "
                    "drop the schema, or set the var raw_schema"
                )
            file = Path(folder) / "raw.duckdb"
            yield file
            session = spark_session(self._project)
            session.sql(f"create schema if not exists {schema}")
            contract = map(self._project.raw_identifier, self._project.raw_tables)
            for name in map(backquote, [*contract, DEMO_TABLE]):
                session.sql(f"drop table if exists {schema}.{name}")
            for table, rows in _as_parquet(file):
                session.sql(
                    f"create table {schema}.{backquote(table)} using parquet "
                    f"as select * from parquet.`{rows}`"
                )

    def add_raw_tables(self, file: Path, tables: Sequence[str]) -> None:
        """Copies them into the raw schema, as text."""
        session, schema = spark_session(self._project), backquote(self._project.raw_schema)
        for table, rows in _as_parquet(file):
            name = f"{schema}.{backquote(table)}"
            session.sql(f"drop table if exists {name}")
            session.sql(f"create table {name} using parquet as select * from parquet.`{rows}`")

    def some_rows(self, relation: str, limit: int) -> list[Row]:
        """Reads them through the session."""
        session = spark_session(self._project)
        return SparkReader(session).rows(f"select * from {relation} limit {limit}")

    def raw_fingerprint(self) -> None:
        """None: others write there too."""

    def published_fingerprint(self) -> None:
        """None, likewise."""

    @property
    def scratch_database(self) -> None:
        """None."""

    def dbt_is_done(self) -> None:
        """Nothing: the session goes on."""

    @property
    def _state_path(self) -> Path:
        return self._folder / "build.json"

    def read_state(self) -> dict[str, Any]:
        """Reads the file in the folder."""
        return read_json(self._state_path)

    def write_state(self, state: dict[str, Any]) -> None:
        """Writes the file in the folder."""
        write_json(self._state_path, state)

    def fingerprint(self, marts: Sequence[str]) -> str:
        """Always the same: nothing is published that could differ from what was tested."""
        return ""

    def beside(self, may_write: bool = False) -> AbstractContextManager[Reader | None]:
        """Nothing is kept here over runs but what the guard found."""
        return nullcontext()

    def comparison(self, tables: Sequence[str]) -> AbstractContextManager[None]:
        """Nothing is published."""
        return nullcontext()

    def publish(self, marts: Sequence[str], settings: dict[str, Any] | None = None) -> str:
        """Refuses: BI tools read what dbt has built."""
        raise _refusal()

    def publication(self) -> None:
        """Nothing is published."""

    def publications(self) -> list[datetime]:
        """None."""
        return []

    def make_current(self, instant: datetime) -> None:
        """Refuses: nothing is published."""
        raise _refusal()

    def published(self) -> AbstractContextManager[Reader]:
        """Refuses: nothing is published."""
        raise _refusal()

    def published_places(self) -> list[tuple[str, str]]:
        """None."""
        return []


def _as_parquet(file: Path) -> Iterator[tuple[str, Path]]:
    """Each table of a DuckDB file and its rows as text; they are there until the next one."""
    rows = file.with_suffix(".parquet")
    with duckdb.connect(str(file), read_only=True) as source:
        source.execute("set TimeZone = 'UTC'")
        tables = source.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where not internal and schema_name <> ?",
            [MARKS],
        ).fetchall()
        for schema, table in tables:
            source.execute(
                f"copy (select cast(columns(*) as varchar) from {quote(schema)}.{quote(table)}) "
                f"to '{literal(rows)}' (format parquet)"
            )
            yield table, rows


def _refusal() -> ConfigurationError:
    return ConfigurationError(
        "CRM_TARGET is spark: only demo, load-files, guard and build work there (docs/spark.md)"
    )
