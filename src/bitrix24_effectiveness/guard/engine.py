"""Great Expectations over the raw tables. Importing it takes seconds, so only the guard does."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import great_expectations as gx
import psycopg
import sqlalchemy
from great_expectations.core.expectation_suite import ExpectationSuite
from sqlalchemy.dialects import registry

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import quote, remove
from bitrix24_effectiveness.guard.dialect import NAME as DUCKDB_DIALECT
from bitrix24_effectiveness.guard.raw_values import RawValues, delivered_view
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["id"],
    "partial_unexpected_count": 20,
    "return_unexpected_index_query": False,
}
_CHANGES = """
    select date_create as changed_at from crm_deal
    union all select date_create from crm_lead
    union all select created from crm_activity
"""

registry.register(DUCKDB_DIALECT, "bitrix24_effectiveness.guard.dialect", "GuardDialect")


class Engine:
    """An ephemeral context of Great Expectations on the raw tables."""

    def __init__(self, project: Project, wanted: Container[str], is_kept: bool = False) -> None:
        """Reads the raw tables.

        Args:
            project: Where they are.
            wanted: Names of the columns that expectations need.
            is_kept: Whether results are kept for `write_data_docs`.

        Raises:
            ConfigurationError: the raw database cannot be read.
        """
        self._project = project
        self._is_kept = is_kept
        # a file of its own: DuckDB compresses what lies in one, and memory stays bounded
        self._scratch = _new_scratch(project) if project.target == "duckdb" else None
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = {"globally": False}
        # temporary tables live as long as their one connection
        kwargs: dict[str, Any] = {"poolclass": sqlalchemy.StaticPool}
        if self._scratch:
            url = f"{DUCKDB_DIALECT}:///{self._scratch}"
        else:
            url = warehouse_of(project).sqlalchemy_url
            # Great Expectations makes two engines, which must share it
            kwargs["creator"] = cache(lambda: psycopg.connect(url.replace("+psycopg", "", 1)))
        self._source = self._context.data_sources.add_sql(
            "raw", connection_string=url, kwargs=kwargs
        )
        self._sql = self._source.get_execution_engine().engine
        try:
            with self._sql.connect() as connection:
                self._values = RawValues(project, connection, wanted)
        except sqlalchemy.exc.SQLAlchemyError as error:
            self.close()
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise ConfigurationError(f"the raw database cannot be read: {reason}") from error

    def close(self) -> None:
        """Lets go of the raw database."""
        if self._scratch:
            # cursors that were not closed keep the scratch file open, which must not keep the other
            with self._sql.connect() as connection:
                connection.exec_driver_sql(f"detach {quote(self._project.vars['raw_database'])}")
        self._source.get_execution_engine().close()
        self._sql.dispose()
        if self._scratch:
            for leftover in self._scratch.parent.glob(f"{self._scratch.name}*"):
                remove(leftover)

    def has(self, table: str, expectation: dict[str, Any], part: str, was_there: bool) -> bool:
        """Whether there is what the expectation is about.

        Optional tables and columns may be absent. A table that is required, or that `was_there` in
        the last accepted run, is missed in `results`.
        """
        delivered = self._values.delivered(table)
        if delivered is None:
            return part == "delivered" and (self._project.raw_tables[table].required or was_there)
        return set(expectation["meta"].get("needs", [])) <= delivered.keys()

    def newest_busy_week(self) -> datetime | None:
        """End of the newest week in which at least ten rows were created; None: there is none."""
        week = self._scalar(
            "select max(week) from (select date_trunc('week', changed_at) as week "
            f"from ({_CHANGES}) as changes group by 1 having count(*) >= 10) as weeks"
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
        if self._values.delivered(table) is None:
            yield from ((expectation, f"no raw table {table}") for expectation in expectations)
            return
        parameters: dict[str, Any] = {}
        definitions = []
        for expectation in expectations:
            definition = dict(expectation)
            definition["meta"] = dict(expectation["meta"])
            parameters |= definition["meta"].pop("parameters", {})
            definitions.append(definition)
        try:
            suite = ExpectationSuite(name=f"{table}.{part}", expectations=definitions)
        except Exception as error:
            raise ConfigurationError(
                f"great_expectations/{table}.yml: {str(error).strip().splitlines()[0]}"
            ) from error
        batch = self._batch(suite.name, table if part == "read" else delivered_view(table))
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


def _new_scratch(project: Project) -> Path:
    """A path beside the warehouse, whose lock makes sure that no other run has one there."""
    folder, name = project.warehouse_db.parent, f"{project.warehouse_db.name}.guard"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{name}.*"):
        remove(leftover)
    return folder / f"{name}.{time.monotonic_ns()}"
