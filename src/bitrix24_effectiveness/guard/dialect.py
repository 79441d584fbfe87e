"""DuckDB for Great Expectations, which has no datasource of its own for it."""

from typing import Any

from duckdb_sqlalchemy import ConnectionWrapper, Dialect

NAME = "crm_guard_duckdb"


class GuardDialect(Dialect):
    """The driver's dialect without transactions.

    Great Expectations ends its transaction before it fetches, and that drops DuckDB's result. The
    guard only reads, so there is nothing to begin, commit or roll back.
    """

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begins nothing."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commits nothing."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Rolls nothing back."""


def beside_dbt() -> ConnectionWrapper:
    """A connection to what dbt holds open in this process: base tables can be in its memory."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    # of all its environments only that of DuckDB files has one, and others read no portal
    environment: Any = DuckDBConnectionManager.env()
    return ConnectionWrapper(environment.conn.cursor())
