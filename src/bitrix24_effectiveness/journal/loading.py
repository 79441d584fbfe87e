"""The journal's files -> the tables `journal_deals` and `journal_requests` beside the raw ones."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.journal.reading import read_journal
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project, RawTable
from bitrix24_effectiveness.warehouse import warehouse_of

_SHOWN = 20
Rows = list[dict[str, str | None]]


def load_journal(project: Project, folder: Path, log: Log) -> dict[str, int]:
    """Puts the journal of a folder beside the raw tables, in the place of one loaded before.

    Tables that would be the same are not written again.

    Returns:
        Rows by table.

    Raises:
        ConfigurationError: there is no journal, or no raw database to put it into.
    """
    journal = read_journal(folder, project.journal_tables)
    for problem in journal.problems[:_SHOWN]:
        log.event("journal_cell", problem, "warning")
    rest = len(journal.problems) - _SHOWN
    if rest > 0:
        log.event("journal_cells", f"and {rest} cells more that cannot be read", "warning")
    warehouse = warehouse_of(project)
    with TemporaryDirectory() as temporary:
        file = Path(temporary) / "journal.duckdb"
        changed = [
            name
            for name, rows in journal.rows.items()
            if _in_order(rows) != _loaded(project, project.journal_tables[name])
        ]
        if changed:
            with duckdb.connect(str(file)) as connection:
                connection.execute(f"create schema {quote(project.raw_schema)}")
                for name in changed:
                    _write(connection, project, project.journal_tables[name], journal.rows[name])
            warehouse.add_raw_tables(file, changed)
    counts = {name: len(rows) for name, rows in journal.rows.items()}
    for name, count in counts.items():
        log.event("journal", f"{name}: {count:,} rows", table=name, rows=count)
    return counts


def _loaded(project: Project, table: RawTable) -> Rows:
    """The rows that are there."""
    names = [column.name for column in table.columns]
    with warehouse_of(project).raw() as reader:
        found = {
            column for name, column in reader.columns(project.raw_schema) if name == table.name
        }
        if not set(names) <= found:
            return []
        relation = f"{quote(project.raw_schema)}.{quote(table.name)}"
        return _in_order(reader.rows(f"select {', '.join(map(quote, names))} from {relation}"))


def _in_order(rows: Rows) -> Rows:
    """By file and row: no engine sorts texts for another."""
    return sorted(rows, key=lambda row: (row["source_file"] or "", int(row["source_row"] or 0)))


def _write(
    connection: duckdb.DuckDBPyConnection, project: Project, table: RawTable, rows: Rows
) -> None:
    names = [column.name for column in table.columns]
    relation = f"{quote(project.raw_schema)}.{quote(table.name)}"
    columns = ", ".join(f"{quote(name)} varchar" for name in names)
    connection.execute(f"create table {relation} ({columns})")
    if rows:
        marks = ", ".join("?" for _ in names)
        connection.executemany(
            f"insert into {relation} values ({marks})",
            [[row[name] for name in names] for row in rows],
        )
