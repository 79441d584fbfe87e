"""Great Expectations over the tables. Importing it takes seconds, so only the guard does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import great_expectations as gx
import psycopg
import sqlalchemy
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.data_context.types.base import ProgressBarsConfig
from sqlalchemy.dialects import registry

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.guard.dialect import NAME as DUCKDB_DIALECT
from bitrix24_effectiveness.guard.dialect import beside_dbt
from bitrix24_effectiveness.guard.views import (
    delivered_columns,
    delivered_view,
    queries_of_views,
)
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["id"],
    "partial_unexpected_count": 20,
    "return_unexpected_index_query": False,
}
# its names for temporary views are not those of the driver's dialect
_ROOM_FOR_VIEWS = ("attach if not exists ':memory:' as crm_guard", "use crm_guard")

registry.register(DUCKDB_DIALECT, "bitrix24_effectiveness.guard.dialect", "GuardDialect")


class Engine:
    """An ephemeral context of Great Expectations on the base tables and the raw tables."""

    def __init__(
        self, project: Project, base_tables: Mapping[str, str], is_kept: bool = False
    ) -> None:
        """Makes a view of each table.

        Args:
            project: Where they are.
            base_tables: The base table of each raw table, as SQL names it.
            is_kept: Whether results are kept for `write_data_docs`.

        Raises:
            ConfigurationError: the raw database cannot be read.
        """
        self._project = project
        self._is_kept = is_kept
        self._numbers = count(1)
        self._delivered = delivered_columns(project)
        # of the kinds of source that there are, each engine has its own
        self._source: Any
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._connect(base_tables)

    def _connect(self, base_tables: Mapping[str, str]) -> None:
        is_duckdb = self._project.target == "duckdb"
        url = f"{DUCKDB_DIALECT}://"
        if not is_duckdb:
            url = warehouse_of(self._project).sqlalchemy_url

        # Great Expectations makes two engines; views live as long as the one connection of both
        @cache
        def connect() -> Any:
            if is_duckdb:
                return beside_dbt()
            return psycopg.connect(url.replace("+psycopg", "", 1))

        # its stubs do not know `kwargs`
        sources: Any = self._context.data_sources
        self._source = sources.add_sql(
            "raw",
            connection_string=url,
            kwargs={"poolclass": sqlalchemy.StaticPool, "creator": connect},
        )
        self._connection = connect()
        self._sql = self._source.get_execution_engine().engine
        queries = queries_of_views(self._project, base_tables, self._delivered, quote)
        create = "create or replace view" if is_duckdb else "create temporary view"
        with self._sql.begin() as connection:
            for statement in _ROOM_FOR_VIEWS if is_duckdb else ():
                connection.exec_driver_sql(statement)
            for name, query in queries.items():
                # a colon begins a parameter unless escaped
                statement = f"{create} {name} as {query}".replace(":", "\\:")
                connection.execute(sqlalchemy.text(statement))

    def close(self) -> None:
        """Lets go of the tables."""
        self._source.get_execution_engine().close()
        self._sql.dispose()
        # Great Expectations goes on holding cursors
        self._connection.close()

    def in_order(self, query: str) -> str:
        """The query with its rows in an order, so that of many the same are shown each time."""
        return f"select * from (\n{query}\n) as failing order by failing"

    def found_once(self, query: str, relation: str) -> str:
        """A query for the rows that this one finds, which is run here.

        Great Expectations runs each query for the rows and again for their number. One that cannot
        be run stays as it is, for Great Expectations to say why.
        """
        rows = f"failing_rows_{next(self._numbers)}"
        try:
            with self._sql.begin() as connection:
                connection.execute(
                    sqlalchemy.text(
                        f"create temporary table {rows} as {query.format(batch=relation)}"
                    )
                )
        except (sqlalchemy.exc.SQLAlchemyError, LookupError, ValueError):
            return query
        # it asks for a query that names the batch
        return self.in_order(f"select * from {rows} /* {{batch}} */")

    def has(self, table: str, expectation: dict[str, Any], part: str, was_there: bool) -> bool:
        """Whether there is what the expectation is about.

        Optional tables and columns may be absent. A table that is required, or that `was_there` in
        the last accepted run, is missed in `results`.
        """
        delivered = self._delivered.get(table)
        if delivered is None:
            return part == "delivered" and (self._project.raw_tables[table].required or was_there)
        return set(expectation["meta"].get("needs", [])) <= delivered.keys()

    def newest_busy_week(self) -> datetime | None:
        """End of the newest week in which at least ten rows were created; None: there is none."""
        week = self._scalar(
            "select max(week) from (select date_trunc('week', changed_at) as week "
            "from changes group by 1 having count(*) >= 10) as weeks"
        )
        return week and datetime(week.year, week.month, week.day) + timedelta(days=7)

    def _scalar(self, query: str) -> Any:
        with self._sql.connect() as connection:
            return connection.execute(sqlalchemy.text(query)).scalar()

    def _batch(self, name: str, relation: str) -> tuple[Any, dict[str, Any] | None]:
        """What Great Expectations asks, and the parameters that it needs to get it."""
        # not a query: to learn its columns Great Expectations would run it and fetch every row
        asset = self._source.add_table_asset(name, table_name=relation)
        return asset.add_batch_definition_whole_table("whole"), None

    def results(
        self, table: str, part: str, expectations: list[dict[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], Any]]:
        """Each expectation with what came of it: Great Expectations' result, or an error's text."""
        if not expectations:
            return
        if table not in self._delivered:
            yield from ((expectation, f"no raw table {table}") for expectation in expectations)
            return
        relation = table if part == "read" else delivered_view(table)
        parameters: dict[str, Any] = {}
        definitions = []
        for expectation in expectations:
            definition = dict(expectation)
            definition["meta"] = dict(expectation["meta"])
            parameters |= definition["meta"].pop("parameters", {})
            # pages for people show the query itself
            if "unexpected_rows_query" in definition["kwargs"] and not self._is_kept:
                query = definition["kwargs"]["unexpected_rows_query"]
                definition["kwargs"] = {"unexpected_rows_query": self.found_once(query, relation)}
            definitions.append(definition)
        try:
            suite = ExpectationSuite(name=f"{table}.{part}", expectations=definitions)
        except Exception as error:
            raise ConfigurationError(
                f"great_expectations/{table}.yml: {str(error).strip().splitlines()[0]}"
            ) from error
        batch = self._batch(suite.name, relation)
        outcome = self._validate(*batch, suite, parameters)
        by_check = {result.expectation_config.meta["check"]: result for result in outcome.results}
        for expectation in expectations:
            yield expectation, by_check.get(expectation["meta"]["check"], "it gave no result")

    def _validate(
        self,
        batch: Any,
        batch_parameters: dict[str, Any] | None,
        suite: ExpectationSuite,
        parameters: dict[str, Any],
    ) -> Any:
        if not self._is_kept:
            return batch.get_batch(batch_parameters).validate(
                suite, result_format=_RESULT_FORMAT, expectation_parameters=parameters
            )
        return self._context.validation_definitions.add(
            gx.ValidationDefinition(
                name=suite.name, data=batch, suite=self._context.suites.add(suite)
            )
        ).run(
            batch_parameters=batch_parameters,
            result_format=_RESULT_FORMAT,
            expectation_parameters=parameters,
        )

    def write_data_docs(self, folder: Path) -> None:
        """Writes Great Expectations' own pages about this run."""
        self._context.add_data_docs_site(
            "local",
            {
                "class_name": "SiteBuilder",
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(folder),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        self._context.build_data_docs(site_names=["local"])


def engine_of(project: Project) -> type[Engine]:
    """The engine of the target."""
    if project.target == "spark":
        from bitrix24_effectiveness.guard.spark import SparkEngine

        return SparkEngine
    return Engine
