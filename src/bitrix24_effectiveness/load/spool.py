"""Rows on their way to dlt: a file of JSON lines, which the database reads by itself.

dlt takes a file as it is, without looking at each value. That is many times as fast as rows one by
one, and values arrive as the portal delivered them: DuckDB is told that every column is text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.json import json

from bitrix24_effectiveness.files import literal, quote
from bitrix24_effectiveness.load.methods import Row


class Spool:
    """Some fields of the rows of one table."""

    def __init__(self, folder: Path, name: str, fields: dict[str, str]) -> None:
        """Begins the file.

        Args:
            folder: Where it goes; it must stay there until dlt has loaded it.
            name: Its name.
            fields: Fields to keep, by raw column. All others are dropped before they are written.
        """
        self._path = folder / f"{name}.jsonl"
        self._fields = fields
        self._path.write_bytes(b"")
        self.count = 0

    def add(self, rows: list[Row]) -> None:
        """Appends rows."""
        fields = list(self._fields.values())
        lines = [json.dumpb({name: row.get(name) for name in fields}) for row in rows]
        with self._path.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        self.count += len(rows)

    def for_dlt(self, is_postgres: bool) -> Any:
        """The item that a dlt resource yields for all rows added."""
        selected = ", ".join(
            f"{quote(field)} as {quote(column)}" for column, field in self._fields.items()
        )
        types = ", ".join(f"'{literal(field)}': 'VARCHAR'" for field in self._fields.values())
        query = (
            f"select {selected} from read_json('{literal(self._path)}', "
            f"columns = {{{types}}}, format = 'newline_delimited')"
        )
        if is_postgres:
            target = self._path.with_suffix(".csv")
            duckdb.sql(f"copy ({query}) to '{literal(target)}' (format csv, header)")
            return dlt.mark.with_file_import(str(target), "csv", self.count)
        target = self._path.with_suffix(".model")
        target.write_text(f"dialect: duckdb\n{query}\n", "utf-8")
        return dlt.mark.with_file_import(str(target), "model", self.count)
