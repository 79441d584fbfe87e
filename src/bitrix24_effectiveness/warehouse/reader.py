"""Questions in SQL that each engine understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]


class Reader:
    """A connection to ask; `?` stands for a parameter, whatever the driver calls it."""

    def __init__(self, connection: Any, placeholder: str = "?") -> None:
        """Takes a connection whose `execute` gives a cursor."""
        self._connection = connection
        self._placeholder = placeholder

    def tuples(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._execute(query, parameters).fetchall()

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds, each row by the names of its columns."""
        cursor = self._execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def columns(self, schema: str) -> list[tuple[str, str]]:
        """Each column of the tables of a schema: name of its table in lower case, its own name."""
        return self.tuples(
            "select lower(table_name), column_name from information_schema.columns "
            "where table_catalog = current_database() and lower(table_schema) = lower(?)",
            [schema],
        )

    def tables(self) -> set[str]:
        """The tables that can be named without schema."""
        found = self.tuples(
            "select table_name from information_schema.tables "
            "where table_catalog = current_database() and table_schema = current_schema()"
        )
        return {name for (name,) in found}

    def tables_of(self, *schemas: str) -> set[tuple[str, str]]:
        """Schema and name of each table of some schemas."""
        marks = ", ".join("?" for _ in schemas)
        found = self.tuples(
            "select table_schema, table_name from information_schema.tables "
            f"where table_catalog = current_database() and table_schema in ({marks})",
            schemas,
        )
        return {(schema, name) for schema, name in found}

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Does what a statement says, where that is allowed."""
        self._execute(statement, parameters)

    def table_if_there(self, table: str) -> list[Row] | None:
        """The rows of a table; None where there is none."""
        return self.rows(f"select * from {table}") if table in self.tables() else None

    def _execute(self, query: str, parameters: Sequence[Any]) -> Any:
        return self._connection.execute(
            query.replace("?", self._placeholder), list(parameters) or None
        )


@dataclass(frozen=True)
class Comparison:
    """The published marts and those that were built since, in one transaction."""

    reader: Reader
    old: str
    """Schema of the published marts, as a query names it."""
    new: str
    """Schema of those that were built."""
    published_at: datetime
    """When the old ones were published, UTC without saying so."""
    settings: dict[str, Any] | None
    """What settings they were built with, as `publish` was told; None: not known."""
