"""DuckDB for Great Expectations, which has no datasource of its own for it."""

from typing import Any

from duckdb_sqlalchemy import Dialect

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
