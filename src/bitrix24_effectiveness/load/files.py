"""CSV, Parquet and JSON dumps of the raw tables -> the raw DuckDB file."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb

from bitrix24_effectiveness.duckdb_file import DEMO_PORTAL, check_replaceable
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import quote, replaced_when_done
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import DELETED_ROWS, LOADED_TABLES, SWEPT_KEYS, Project

CSV = (".csv", ".csv.gz")
JSON = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
PARQUET = (".parquet",)

_CP1251_HINT = (
    "is not UTF-8; if it was saved by Excel on Windows, convert it: iconv -f cp1251 -t utf-8"
)


def load_files(project: Project, folder: Path, out: Path, log: Log) -> dict[str, int]:
    """Loads every file of `folder` that is named like a raw table into the raw schema of `out`.

    Values of CSV and JSON stay text, as delivered: staging reads them. `out` is replaced as a whole
    when everything was read, else it stays as it was.

    Returns:
        Rows by raw table.

    Raises:
        ConfigurationError: a file that cannot be read, a required table without a file.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder")
    files = _files_by_table(project, folder, log)
    missing = [
        identifier
        for table in project.raw_tables.values()
        if table.required and (identifier := project.raw_identifier(table.name)) not in files
    ]
    if missing:
        raise ConfigurationError(
            f"{folder} has no file for the required raw table {missing[0]}: "
            f"expected {missing[0]}.csv, .parquet, .json or .jsonl"
        )

    _check_replaceable(project, out)
    rows = {}
    schema = quote(project.raw_schema)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replaced_when_done(out) as unfinished, duckdb.connect(str(unfinished)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create schema if not exists {schema}")
        for table, path in files.items():
            rows[table] = _load(connection, f"{schema}.{quote(table)}", path)
            log.event("loaded", f"{path.name}: {rows[table]:,} rows", table=table, rows=rows[table])
        connection.execute("checkpoint")
    log.event("load_files", f"{sum(rows.values()):,} rows of {len(rows)} tables were read")
    return rows


def _check_replaceable(project: Project, out: Path) -> None:
    """What gives way is raw tables: of a load before, of a demo portal, of another loader."""
    schema = project.raw_schema.lower()
    names = [LOADED_TABLES, DELETED_ROWS, SWEPT_KEYS, "_dlt_*", "crm_dynamic_items_*"]
    names += [*map(project.raw_identifier, project.raw_tables), *project.journal_tables]
    check_replaceable(
        out,
        DEMO_PORTAL,
        "a file of raw tables alone",
        "name another file, or move this one away",
        [f"{schema}.{name.lower()}" for name in names] + [f"{schema}_staging.*"],
    )


def _files_by_table(project: Project, folder: Path, log: Log) -> dict[str, Path]:
    known = {project.raw_identifier(table).lower(): table for table in project.raw_tables}
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"{path.name} is a link out of {folder}: put the file itself there"
            )
        suffix = next((s for s in CSV + JSON + PARQUET if path.name.lower().endswith(s)), None)
        stem = path.name[: -len(suffix)].lower() if suffix else None
        if stem not in known:
            log.event("skipped", f"{path.name}: skipped, not named like a raw table", "warning")
            continue
        table = project.raw_identifier(known[stem])
        if table in files:
            raise ConfigurationError(
                f"{files[table].name} and {path.name} are both {table}: keep one of them"
            )
        files[table] = path
    return files


def _load(connection: duckdb.DuckDBPyConnection, target: str, path: Path) -> int:
    name = path.name.lower()
    try:
        if name.endswith(CSV):
            columns, source, arguments = _csv_source(path)
        elif name.endswith(JSON):
            columns, source, arguments = _json_source(connection, path)
        else:
            columns, source, arguments = _parquet_source(connection, path)
        selected = ", ".join(
            f"{quote(column)} as {quote(lowered)}" for column, lowered in columns.items()
        )
        connection.execute(f"create table {target} as select {selected} from {source}", arguments)
    except duckdb.Error as error:
        raise ConfigurationError(f"{path.name}: {_reason(str(error))}") from error
    except (OSError, EOFError, csv.Error) as error:
        raise ConfigurationError(f"{path.name}: cannot be read ({error})") from error
    ((rows,),) = connection.execute(f"select count(*) from {target}").fetchall()
    return rows


def _lowered(path: Path, columns: list[str]) -> dict[str, str]:
    lowered = {column: column.strip().lower() for column in columns}
    if "" in lowered.values():
        raise ConfigurationError(f"{path.name}: a column of the header has no name")
    repeated = [name for name, n in Counter(lowered.values()).items() if n > 1]
    if repeated or len(lowered) < len(columns):
        twice = repeated[0] if repeated else Counter(columns).most_common(1)[0][0].lower()
        raise ConfigurationError(f"{path.name}: column {twice} is there twice")
    return lowered


def _csv_source(path: Path) -> tuple[dict[str, str], str, list]:
    opened: Callable = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        line = file.readline()
    try:
        first_line = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name}: line 1 {_CP1251_HINT}") from error
    # the header decides: a sniffed delimiter could hide a broken line
    delimiter = max(",;\t|", key=first_line.count)
    header = next(csv.reader([first_line], delimiter=delimiter), [])
    if not header:
        raise ConfigurationError(f"{path.name}: is empty, not even a header")
    columns = _lowered(path, header)
    source = (
        "read_csv(?, columns = ?, delim = ?, quote = '\"', escape = '\"', header = true, "
        "auto_detect = false, strict_mode = true, nullstr = '')"
    )
    return columns, source, [str(path), dict.fromkeys(header, "VARCHAR"), delimiter]


def _json_source(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> tuple[dict[str, str], str, list]:
    described = connection.execute(
        "describe select * from read_json(?, sample_size = -1, maximum_depth = 1)", [str(path)]
    ).fetchall()
    found = [row[0] for row in described]
    if "result" in found:
        raise ConfigurationError(
            f"{path.name}: is a whole REST answer; save the list inside its `result` instead"
        )
    # detected types would drop the offset of a timestamp
    source = "read_json(?, columns = ?)"
    return _lowered(path, found), source, [str(path), dict.fromkeys(found, "VARCHAR")]


def _parquet_source(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> tuple[dict[str, str], str, list]:
    described = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
    return _lowered(path, [row[0] for row in described]), "read_parquet(?)", [str(path)]


def _reason(message: str) -> str:
    line = re.search(r"CSV Error on Line: (\d+)", message)
    where = f"line {line[1]} " if line else ""
    if "not utf-8" in message.lower() or "invalid unicode" in message.lower():
        return f"{where}{_CP1251_HINT}"
    columns = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if columns:
        return f"{where}has {columns[2]} values, the header has {columns[1]}"
    if "unterminated quote" in message:
        return f"{where}opens a quote that is never closed"
    first = re.sub(r"^[A-Za-z ]*Error: ", "", message).strip().splitlines()[0]
    return f"{where}{first}"
