"""Raw tables as staging reads them: each read once, then asked often.

A table of values has the columns of the contract that the suites name (null when a value is empty
or cannot be read) and `rejection_reason`. Their SQL comes from the macros of the dbt project, so
that the guard and the models never disagree about what can be read.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache, cached_property
from typing import Any

import jinja2
import sqlalchemy

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import literal, quote
from bitrix24_effectiveness.project import Project, bare_name


class RawValues:
    """The tables of values, and which of the contract's columns the raw tables really have.

    On DuckDB or PostgreSQL; what other engines say in their own way is overridden.
    """

    _text = "text"
    _quote = staticmethod(quote)

    def __init__(
        self, project: Project, connection: sqlalchemy.Connection, wanted: Container[str]
    ) -> None:
        """Attaches the raw database, where it is a file, and reads the `wanted` columns."""
        self._project = project
        self._wanted = wanted
        self._is_duckdb = project.target == "duckdb"
        self._database = project.vars["raw_database"]
        self._schema = project.raw_schema
        if self._is_duckdb:
            _attach(project, connection, self._database)
        self._columns = self._present(connection)
        if self._is_duckdb:
            # the dialect knows no transactions, and one commit is quicker than one per table
            connection.exec_driver_sql("begin")
        create = "create" if self._is_duckdb else "create temporary"
        for table in project.raw_tables:
            statements = [f"{create} table {table} as {self._read(table)}"]
            if columns := self.delivered(table):
                view = self._under_contract_names(table, columns)
                statements.append(f"{create} view {delivered_view(table)} as {view}")
            for statement in statements:
                # a colon begins a parameter unless escaped
                connection.execute(sqlalchemy.text(statement.replace(":", "\\:")))
        connection.exec_driver_sql("commit")

    @cached_property
    def _macros(self) -> Any:
        return _macros_of(self._project, self._text)

    def delivered(self, table: str) -> dict[str, str] | None:
        """Columns of a raw table: name in the contract, else its own -> its own; None: no table."""
        found = self._columns.get(self._project.raw_identifier(table).lower())
        if found is None:
            return None
        own_names = {bare_name(own_name): own_name for own_name in found.values()}
        contract = {
            column.name: own_names.get(bare_name(self._project.raw_column(table, column.name)))
            for column in self._project.raw_tables[table].columns
        }
        mapped = {name: own_name for name, own_name in contract.items() if own_name}
        # a column that only looks like one of the contract's is neither read nor shown as it
        others = {
            name: own_name
            for name, own_name in found.items()
            if name not in contract and own_name not in mapped.values()
        }
        return mapped | others

    def _under_contract_names(self, table: str, columns: dict[str, str]) -> str:
        selected = ", ".join(
            f"{self._quote(own_name)} as {self._quote(name)}" for name, own_name in columns.items()
        )
        return f"select {selected} from {self._relation(table)}"

    def _relation(self, table: str) -> str:
        names = [self._schema, self._project.raw_identifier(table)]
        return ".".join(map(self._quote, [self._database, *names] if self._is_duckdb else names))

    def _present(self, connection: sqlalchemy.Connection) -> dict[str, dict[str, str]]:
        database = ":database" if self._is_duckdb else "current_database()"
        rows = connection.execute(
            sqlalchemy.text(
                "select lower(table_name), column_name from information_schema.columns "
                f"where table_catalog = {database} and lower(table_schema) = lower(:schema) "
                "order by ordinal_position"
            ),
            {"schema": self._schema} | ({"database": self._database} if self._is_duckdb else {}),
        )
        found: dict[str, dict[str, str]] = {}
        for table, column in rows:
            found.setdefault(table, {})[column.lower()] = column
        return found

    def _read(self, table: str) -> str:
        columns = self._project.raw_tables[table].columns
        present = self.delivered(table)
        texts, values, wanted = [], [], []
        for column in columns:
            own_name = (present or {}).get(column.name)
            raw_type = column.meta["raw_type"]
            text = self._macros.raw_text(self._quote(own_name), raw_type) if own_name else "null"
            texts.append(f"cast({text} as {self._text}) as raw_{column.name}")
            parsed = self._macros.parse_value(f"raw_{column.name}", raw_type)
            values.append(f"{parsed} as {column.name}")
            if column.name in self._wanted or column.required:
                wanted.append(column.name)
        contract = [{"name": column.name, "config": {"meta": column.meta}} for column in columns]
        wanted.append(f"{self._macros.rejection_reason(contract)} as rejection_reason")
        once = self._macros.fence()
        source = "(select 1) as absent where 1 = 0" if present is None else self._relation(table)
        delivered = f"select {', '.join(texts)} from {source} {once}"
        typed = f"select *, {', '.join(values)} from ({delivered}) as delivered {once}"
        return f"select {', '.join(wanted)} from ({typed}) as typed"


def _attach(project: Project, connection: sqlalchemy.Connection, name: str) -> None:
    statements = (
        "set TimeZone = 'UTC'",
        # what does not fit is put into the folder of the scratch file
        "set memory_limit = '2GB'",
        "set preserve_insertion_order = false",
        f"attach '{literal(project.raw_db)}' as {quote(name)} (read_only)",
    )
    for statement in statements:
        connection.exec_driver_sql(statement)


def delivered_view(table: str) -> str:
    """Name of the view of a raw table under the contract's names for its columns."""
    return f"delivered_{table}"


def _macros_of(project: Project, text: str) -> Any:
    """The macros of staging as the target has them; `text` is what it calls the type."""
    folder = project.directory / "macros"
    paths = [
        *sorted((folder / "raw").glob("parse_*.sql")),
        *(
            folder / "raw" / f"{name}.sql"
            for name in ("raw_text", "out_of_range", "rejection_reason")
        ),
        *sorted((folder / "adapters").glob("*.sql")),
    ]
    try:
        source = "\n".join(path.read_text("utf-8") for path in paths)
    except OSError as error:
        raise ConfigurationError(f"macro {error.filename} cannot be read") from error

    def dispatch(name: str) -> Any:
        own = getattr(module, f"{project.target}__{name}", None)
        return own or getattr(module, f"default__{name}")

    module = _template(source).make_module(
        {
            "var": lambda name, default=None: project.vars.get(name, default),
            "return": lambda value: value,
            "dbt": {"type_string": lambda: text},
            "adapter": {"dispatch": dispatch},
        }
    )
    return module


@cache
def _template(source: str) -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.Undefined, extensions=["jinja2.ext.do"])
    return environment.from_string(source)
