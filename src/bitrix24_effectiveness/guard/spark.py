"""The guard on Apache Spark: tables are data frames of the session that dbt uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitrix24_effectiveness.guard.engine import Engine
from bitrix24_effectiveness.guard.views import queries_of_views
from bitrix24_effectiveness.warehouse.spark import backquote, spark_session


class SparkEngine(Engine):
    """Great Expectations on data frames of the session that dbt uses."""

    def _connect(self, base_tables: Mapping[str, str]) -> None:
        self._session = spark_session(self._project)
        self._source = self._context.data_sources.add_spark("raw", persist=False)
        self._views = queries_of_views(self._project, base_tables, self._delivered, backquote)
        for name, query in self._views.items():
            self._session.sql(query).createOrReplaceTempView(name)

    def close(self) -> None:
        """Lets go of the tables."""
        for name in self._views:
            self._session.catalog.dropTempView(name)

    def in_order(self, query: str) -> str:
        """The query with its rows in an order, so that of many the same are shown each time."""
        return f"select * from (\n{query}\n) as failing order by all"

    def found_once(self, query: str, relation: str) -> str:
        """The query as it is: a temporary view would be run as often as it is read."""
        return query

    def _scalar(self, query: str) -> Any:
        return self._session.sql(query).collect()[0][0]

    def _batch(self, name: str, relation: str) -> tuple[Any, dict[str, Any] | None]:
        asset = self._source.add_dataframe_asset(name)
        frame = self._session.table(relation)
        return asset.add_batch_definition_whole_dataframe("whole"), {"dataframe": frame}
