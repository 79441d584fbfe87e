"""The engine that dbt builds on, behind the few operations that the commands need of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.reader import Comparison, Reader, Row

__all__ = ["Comparison", "Reader", "Row", "Warehouse", "warehouse_of"]


class Warehouse(Protocol):
    """Where raw tables, what dbt builds and what BI reads lie."""

    @property
    def raw_source(self) -> str:
        """What holds the raw tables, for messages and to tell one source from another."""

    @property
    def sqlalchemy_url(self) -> str:
        """Of the database that dbt builds in."""

    def check_publishes(self) -> None:
        """Checks that a portal can be loaded here, and marts be published.

        Raises:
            ConfigurationError: other tools load it, and BI tools read what dbt builds.
        """

    def check(self) -> None:
        """Checks that dbt can build here.

        Raises:
            ConfigurationError: it cannot; says why.
            AnotherRunError: another process keeps it from being written to.
        """

    def only_run(self) -> AbstractContextManager[None]:
        """Holds the lock of the warehouse; it is let go of when the process ends.

        Raises:
            AnotherRunError: another run holds it.
        """

    def raw(self) -> AbstractContextManager[Reader]:
        """Reads the raw database.

        Raises:
            ConfigurationError: there is none, or it cannot be read.
        """

    def raw_fingerprint(self) -> Any:
        """Differs once the raw tables were written to; None: that cannot be told."""

    def new_raw_tables(self, may_replace: bool) -> AbstractContextManager[Path]:
        """Gives a DuckDB file to write raw tables to; when all went well they are those of here.

        Args:
            may_replace: Whether tables that are there already may give way.
        """

    def add_raw_tables(self, file: Path, tables: Sequence[str]) -> None:
        """Puts tables of a DuckDB file beside the raw ones, in place of those of their names.

        Raises:
            ConfigurationError: there are no raw tables, or they cannot be written to.
            AnotherRunError: another process has them open.
        """

    def some_rows(self, relation: str, limit: int) -> list[Row]:
        """A few rows of what dbt has built; none where it cannot be read."""

    @property
    def scratch_database(self) -> str | None:
        """Database that lives as long as dbt does, for what only models read; None: none."""

    def dbt_is_done(self) -> None:
        """Lets go of what dbt holds in this process."""

    def read_state(self) -> dict[str, Any]:
        """How the last build stands, as `write_state` wrote it; empty: there was none."""

    def write_state(self, state: dict[str, Any]) -> None:
        """Keeps how the last build stands."""

    def fingerprint(self, marts: Sequence[str]) -> Any:
        """Differs once the marts were changed; None: they are not there."""

    def beside(self, may_write: bool = False) -> AbstractContextManager[Reader | None]:
        """The database that dbt builds in, for what is kept there over runs; in one transaction.

        None: there is no such database, and nothing is to be written.

        Raises:
            ConfigurationError: it cannot be read or written.
            AnotherRunError: another process keeps it from being opened.
        """

    def comparison(self, tables: Sequence[str]) -> AbstractContextManager[Comparison | None]:
        """The published marts beside those to be published; what is kept may be written to.

        None: nothing is published, or one of the two lacks one of the tables.

        Raises:
            ConfigurationError: one of them cannot be read.
            AnotherRunError: another process keeps a file from being opened.
        """

    def publish(self, marts: Sequence[str], settings: dict[str, Any] | None = None) -> str:
        """Puts these marts in the place of those published before, all at once; says where.

        What is kept over runs is published with them, and what settings they were built with.

        Raises:
            ConfigurationError: the marts cannot be read or written.
            AnotherRunError: readers do not let go of those published before.
        """

    def published_fingerprint(self) -> Any:
        """Differs once the published marts were touched; None: nothing is, or it cannot be told."""

    def publication(self) -> datetime | None:
        """The UTC instant of the last publication; None: nothing is published.

        Raises:
            ConfigurationError: it cannot be read, or is not ours.
        """

    def publications(self) -> list[datetime]:
        """The UTC instants of the publications that are kept beside the current one, newest first.

        Raises:
            ConfigurationError: they cannot be looked for.
        """

    def make_current(self, instant: datetime) -> None:
        """Puts a publication that is kept in the place of the current one, which is kept then.

        Raises:
            ConfigurationError: it cannot be read, or not be put there.
            AnotherRunError: readers do not let go of the current one.
        """

    def published(self) -> AbstractContextManager[Reader]:
        """Reads the published marts, which can be named without schema: one version of them.

        Raises:
            ConfigurationError: nothing is published, or it cannot be read.
        """

    def published_places(self) -> list[tuple[str, str]]:
        """Where the published marts are: a key of the report's words, and what belongs there."""


def warehouse_of(project: Project) -> Warehouse:
    """The warehouse that CRM_TARGET names."""
    if project.target == "duckdb":
        from bitrix24_effectiveness.warehouse.duckdb_files import DuckDBFiles

        return DuckDBFiles(project)
    if project.target == "postgres":
        from bitrix24_effectiveness.warehouse.postgres import PostgresServer

        return PostgresServer(project)
    from bitrix24_effectiveness.warehouse.spark import SparkProcess

    return SparkProcess(project)
