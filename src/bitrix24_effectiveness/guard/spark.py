"""The guard on Apache Spark: raw tables are data frames, their values kept by the executors."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import great_expectations as gx

from bitrix24_effectiveness.guard.engine import Engine
from bitrix24_effectiveness.guard.raw_values import RawValues, delivered_view
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.spark import SparkReader, backquote, spark_session


class SparkValues(RawValues):
    """The tables of values as temporary views."""

    _text = "string"
    _quote = staticmethod(backquote)

    def __init__(self, project: Project, session: Any, wanted: Container[str]) -> None:
        """Reads the `wanted` columns when they are asked for first."""
        self._project = project
        self._wanted = wanted
        self._is_duckdb = False
        self._schema = project.raw_schema
        self._columns = {}
        for table, column in SparkReader(session).columns(self._schema):
            self._columns.setdefault(table, {})[column.lower()] = column
        for table in project.raw_tables:
            session.sql(self._read(table)).cache().createOrReplaceTempView(table)
            if columns := self.delivered(table):
                delivered = session.sql(self._under_contract_names(table, columns))
                delivered.createOrReplaceTempView(delivered_view(table))


class SparkEngine(Engine):
    """Great Expectations on data frames of the session that dbt uses."""

    def __init__(self, project: Project, wanted: Container[str], is_kept: bool = False) -> None:
        """Takes what `Engine` takes."""
        self._project = project
        self._is_kept = is_kept
        self._session = spark_session(project)
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        self._source = self._context.data_sources.add_spark("raw", persist=False)
        self._values = SparkValues(project, self._session, wanted)

    def close(self) -> None:
        """Lets go of the values."""
        for table in self._project.raw_tables:
            self._session.table(table).unpersist()
            self._session.catalog.dropTempView(table)
            self._session.catalog.dropTempView(delivered_view(table))

    def _scalar(self, query: str) -> Any:
        return self._session.sql(query).collect()[0][0]

    def _batch(self, name: str, relation: str) -> tuple[Any, dict[str, Any] | None]:
        asset = self._source.add_dataframe_asset(name)
        frame = self._session.table(relation)
        return asset.add_batch_definition_whole_dataframe("whole"), {"dataframe": frame}
