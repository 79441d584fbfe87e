"""What the guard asks: each base table by the name of its raw table, and the raw table beside it.

The base tables are what dbt has read from the raw tables. The raw tables themselves show which
columns were delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bitrix24_effectiveness.project import Project, bare_name
from bitrix24_effectiveness.warehouse import warehouse_of

Columns = dict[str, dict[str, str]]

# the tables that say whether the portal is at work, with their times of creation
CREATED = {"crm_deal": "date_create", "crm_lead": "date_create", "crm_activity": "created"}
CHANGES = " union all ".join(
    f"select '{table}' as raw_table, {column} as changed_at from {table}"
    for table, column in CREATED.items()
)


def delivered_columns(project: Project) -> Columns:
    """Columns of each raw table that is there: name in the contract, else its own -> its own.

    Raises:
        ConfigurationError: the raw database cannot be read.
    """
    found: Columns = {}
    with warehouse_of(project).raw() as reader:
        for identifier, column in reader.columns(project.raw_schema):
            found.setdefault(identifier, {})[column.lower()] = column
    return {
        table: _under_contract_names(project, table, columns)
        for table in project.raw_tables
        if (columns := found.get(project.raw_identifier(table).lower()))
    }


def _under_contract_names(project: Project, table: str, found: dict[str, str]) -> dict[str, str]:
    own_names = {bare_name(own_name): own_name for own_name in found.values()}
    contract = {
        column.name: own_names.get(bare_name(project.raw_column(table, column.name)))
        for column in project.raw_tables[table].columns
    }
    mapped = {name: own_name for name, own_name in contract.items() if own_name}
    # a column that only looks like one of the contract's is neither read nor shown as it
    others = {
        name: own_name
        for name, own_name in found.items()
        if name not in contract and own_name not in mapped.values()
    }
    return mapped | others


def queries_of_views(
    project: Project,
    base_tables: Mapping[str, str],
    delivered: Columns,
    quote: Callable[[str], str],
) -> dict[str, str]:
    """The query of each view by its name."""
    queries = {table: f"select * from {relation}" for table, relation in base_tables.items()}
    queries["changes"] = CHANGES
    database = [project.vars["raw_database"]] if project.target == "duckdb" else []
    for table, columns in delivered.items():
        selected = ", ".join(
            f"{quote(own_name)} as {quote(name)}" for name, own_name in columns.items()
        )
        names = [*database, project.raw_schema, project.raw_identifier(table)]
        queries[delivered_view(table)] = f"select {selected} from {'.'.join(map(quote, names))}"
    return queries


def delivered_view(table: str) -> str:
    """Name of the view of a raw table under the contract's names for its columns."""
    return f"delivered_{table}"
