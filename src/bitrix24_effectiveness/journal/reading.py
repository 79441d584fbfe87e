"""Files of a journal -> rows of text, each with the place where it stands."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.journal.cells import UnreadableCell, number_of, text_of, time_of
from bitrix24_effectiveness.journal.mapping import Calls, Mapping, mapping_of
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.project import RawTable

CODES = {
    "result": ("won", "lost", "open"),
    "request_channel": ("call", "email", "form", "chat"),
}
"""Columns with a few values, which each language has words for."""

PLACE = ("source_file", "source_sheet", "source_row")
_NUMBERS = {"journal_deals": "deal_no", "journal_requests": "request_no"}
_LANGUAGES = ("en", "ru")
_FILES = (".xlsx", ".xlsm", ".csv")


@dataclass
class Journal:
    """What was read of a folder."""

    rows: dict[str, list[dict[str, str | None]]] = field(default_factory=dict)
    """By table of the journal."""
    problems: list[str] = field(default_factory=list)
    """Cells that cannot be read, with file, sheet, row and column."""


@dataclass(frozen=True)
class _Line:
    """A row of a sheet by the names of its columns in small letters."""

    number: int
    cells: dict[str, tuple[Any, str]]
    """Value and letter of the column."""


def read_journal(folder: Path, tables: dict[str, RawTable]) -> Journal:
    """Reads every spreadsheet of a folder that is part of a journal.

    These are `journal_deals` and `journal_requests`, as `crm-effect journal init` makes them, and
    every file with a mapping of the same name beside it, such as `export.xlsx` with `export.yml`.

    Raises:
        ConfigurationError: there is none, or one that cannot be read as a whole.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder")
    journal, known = Journal(), {name: [c.name for c in t.columns] for name, t in tables.items()}
    journal.rows = {name: [] for name in tables}
    files = 0
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _FILES or path.name.startswith((".", "~$")):
            continue
        beside = path.with_suffix(".yml")
        if beside.is_file():
            mapping = mapping_of(beside, known)
            _read_file(path, tables[mapping.table], mapping, journal)
        elif path.stem.lower() in tables:
            _read_file(path, tables[path.stem.lower()], None, journal)
        else:
            continue
        files += 1
    if not files:
        raise ConfigurationError(
            f"{folder} has no journal: make one with `crm-effect journal init {folder}`, or put a "
            "mapping beside a file that you have (docs/journal.md)"
        )
    _name_repeated(journal)
    return journal


def _name_repeated(journal: Journal) -> None:
    for table, rows in journal.rows.items():
        seen: dict[str, dict[str, str | None]] = {}
        for row in rows:
            number = row[_NUMBERS[table]]
            if number is None:
                continue
            first = seen.setdefault(number, row)
            said = {name: value for name, value in row.items() if name not in PLACE}
            if first is not row and any(first[name] != value for name, value in said.items()):
                journal.problems.append(
                    f"{_place(row)}: {_NUMBERS[table]} {number} stands in {_place(first)} too, "
                    "with something else: one of the two is used"
                )


def _place(row: dict[str, str | None]) -> str:
    sheet = f", sheet {row['source_sheet']}" if row["source_sheet"] else ""
    return f"{row['source_file']}{sheet}, row {row['source_row']}"


def _read_file(path: Path, table: RawTable, mapping: Mapping | None, journal: Journal) -> None:
    sheet, lines = _lines(path, table, mapping)
    where = path.name + (f", sheet {sheet}" if sheet else "")
    names = _names(table)
    if mapping:
        theirs = {ours: name.strip().lower() for ours, name in mapping.columns.items()}
    else:
        theirs = {}
    header: set[str] | None = None
    kept: list[tuple[_Line, dict[str, str | None]]] = []
    for line in lines:
        if header is None:
            header = set(line.cells)
            if mapping is None:
                theirs = {
                    ours: spelling
                    for ours, spellings in names.items()
                    for spelling in spellings
                    if spelling in header
                }
            _check_header(where, table, mapping, theirs, header)
        if mapping and not _counts(line, mapping.only):
            continue
        kept.append((line, _row(line, table, mapping, theirs, where, journal.problems)))
    if header is None:
        return
    if mapping and mapping.calls:
        _check_calls(where, mapping.calls, header)
        kept = _requests_of_calls(kept, mapping.calls)
    number = _NUMBERS[table.name]
    for line, row in kept:
        if number not in theirs:
            row[number] = f"{path.stem}:{line.number}"
        row |= {"source_file": path.name, "source_sheet": sheet, "source_row": str(line.number)}
        journal.rows[table.name].append(row)


def _check_header(
    where: str,
    table: RawTable,
    mapping: Mapping | None,
    theirs: dict[str, str],
    header: set[str],
) -> None:
    number = _NUMBERS[table.name]
    given = set(theirs) | set(mapping.constants if mapping else ())
    for column in table.columns:
        if column.required and column.name not in given and column.name != number:
            hint = (
                f"name it under columns in {where.partition(',')[0]}'s mapping"
                if mapping
                else (f"its header has no {' or '.join(_names(table)[column.name])}")
            )
            raise ConfigurationError(f"{where}: column {column.name} is missing: {hint}")
    for ours, name in theirs.items():
        if name not in header:
            raise ConfigurationError(
                f"{where}: has no column {name}, which its mapping names for {ours}; "
                f"it has {', '.join(sorted(header))}"
            )
    for name in mapping.only if mapping else ():
        if name.strip().lower() not in header:
            raise ConfigurationError(f"{where}: has no column {name}, which its mapping names")


def _check_calls(where: str, calls: Calls, header: set[str]) -> None:
    for name in (calls.number, calls.kind, *calls.talked, *calls.not_talked):
        if name.strip().lower() not in header:
            raise ConfigurationError(f"{where}: has no column {name}, which its mapping names")


def _counts(line: _Line, only: dict[str, list[str]]) -> bool:
    return all(_is_one_of(line, name, values) for name, values in only.items())


def _is_one_of(line: _Line, column: str, values: list[str]) -> bool:
    value = text_of(line.cells[column.strip().lower()][0]) or ""
    return value.lower() in {one.strip().lower() for one in values}


def _row(
    line: _Line,
    table: RawTable,
    mapping: Mapping | None,
    theirs: dict[str, str],
    where: str,
    problems: list[str],
) -> dict[str, str | None]:
    row: dict[str, str | None] = {}
    for column in table.columns:
        name = column.name
        if name in PLACE:
            continue
        if name not in theirs:
            row[name] = mapping.constants.get(name) if mapping else None
            continue
        value, letter = line.cells[theirs[name]]
        read = _reader(column.meta["raw_type"], name, mapping)
        try:
            row[name] = read(value)
            if column.required and row[name] is None:
                raise UnreadableCell("empty")
        except UnreadableCell as error:
            row[name] = text_of(value)
            problems.append(f"{where}, row {line.number}, column {letter} ({name}): {error}")
    return row


def _reader(raw_type: str, name: str, mapping: Mapping | None) -> Callable[[Any], str | None]:
    if raw_type == "timestamp":
        return time_of
    if raw_type == "number":
        return number_of
    theirs = (mapping.values.get(name) if mapping else None) or {}
    if name in CODES or theirs:
        return partial(_code_of, name, theirs)
    return text_of


def _code_of(name: str, theirs: dict[str, str], value: Any) -> str | None:
    text = text_of(value)
    given = {spelling.strip().lower(): code for spelling, code in theirs.items()}
    if text is None:
        return given.get("*")
    if text.lower() in given:
        return given[text.lower()]
    known = {code: code for code in CODES.get(name, ())}
    for language in _LANGUAGES:
        words = Language(language, "journal")
        known |= {words.word(f"{name}_{code}").lower(): code for code in CODES.get(name, ())}
    if text.lower() in known:
        return known[text.lower()]
    if "*" in given:
        return given["*"]
    if name in CODES:
        raise UnreadableCell(f"{text} is none of {', '.join(CODES[name])}")
    return text


def _names(table: RawTable) -> dict[str, list[str]]:
    """Column -> how its header may be spelled, in small letters."""
    words = [Language(code, "journal") for code in _LANGUAGES]
    return {
        column.name: [column.name, *(one.word(f"column_{column.name}").lower() for one in words)]
        for column in table.columns
        if column.name not in PLACE
    }


def _has_talked(line: _Line, calls: Calls) -> bool:
    if calls.talked:
        return _counts(line, calls.talked)
    return all(
        text_of(line.cells[column.strip().lower()][0]) is not None
        and not _is_one_of(line, column, values)
        for column, values in calls.not_talked.items()
    )


def _requests_of_calls(
    kept: list[tuple[_Line, dict[str, str | None]]], calls: Calls
) -> list[tuple[_Line, dict[str, str | None]]]:
    """Incoming calls as requests: answered at once, or by the next talk with that number.

    Calls of a client who is waiting already belong to the request that began the wait.
    """
    waiting: dict[str, dict[str, str | None]] = {}
    requests = []
    for line, row in sorted(kept, key=lambda one: (one[1]["requested_at"] or "", one[0].number)):
        digits = "".join(
            one
            for one in text_of(line.cells[calls.number.strip().lower()][0]) or ""
            if one.isdigit()
        )
        # +7 and 8 are one number, and extensions have few digits
        number = digits[-10:]
        has_talked = _has_talked(line, calls)
        if _is_one_of(line, calls.kind, calls.incoming):
            if has_talked and number in waiting:
                waiting.pop(number)["answered_at"] = row["requested_at"]
            elif number not in waiting or not number:
                requests.append((line, row))
                if has_talked:
                    row["answered_at"] = row["answered_at"] or row["requested_at"]
                elif number:
                    waiting[number] = row
        elif _is_one_of(line, calls.kind, calls.outgoing) and has_talked and number in waiting:
            waiting.pop(number)["answered_at"] = row["requested_at"]
    return requests


# -- files


def _lines(path: Path, table: RawTable, mapping: Mapping | None) -> tuple[str, Iterator[_Line]]:
    first = mapping.header_row if mapping else 1
    try:
        if path.suffix.lower() == ".csv":
            return "", _named(path, first, iter(_csv_rows(path)))
        title, rows = _sheet(path, table, mapping)
        return title, _named(path, first, iter(rows))
    except (OSError, zipfile.BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise ConfigurationError(
            f"{path.name}: cannot be read as a spreadsheet ({error})"
        ) from error


def _csv_rows(path: Path) -> list[list[Any]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        # what Excel on a Russian Windows saves by default
        text = path.read_text("cp1251")
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))


def _sheet(path: Path, table: RawTable, mapping: Mapping | None) -> tuple[str, list[list[Any]]]:
    with warnings.catch_warnings():
        # of data validation and styles that it does not keep
        warnings.simplefilter("ignore")
        workbook = load_workbook(path, data_only=True)
    titles = workbook.sheetnames
    if mapping and mapping.sheet and mapping.sheet not in titles:
        raise ConfigurationError(
            f"{path.name}: has no sheet {mapping.sheet}, only {', '.join(titles)}"
        )
    ours = {Language(code, "journal").word(f"sheet_{table.name}") for code in _LANGUAGES}
    title = (mapping.sheet if mapping else None) or next(
        (one for one in titles if one in ours), titles[0]
    )
    return title, [list(row) for row in workbook[title].iter_rows(values_only=True)]


def _named(path: Path, first: int, rows: Iterator[list[Any]]) -> Iterator[_Line]:
    names: list[str] = []
    for number, row in enumerate(rows, 1):
        if number < first:
            continue
        if number == first:
            # required columns have a star in our own spreadsheets
            names = [(text_of(cell) or "").rstrip(" *").lower() for cell in row]
            twice = next((name for name in names if name and names.count(name) > 1), None)
            if twice:
                raise ConfigurationError(f"{path.name}: column {twice} is there twice")
            continue
        if all(text_of(cell) is None for cell in row):
            continue
        cells = list(row) + [None] * (len(names) - len(row))
        yield _Line(
            number,
            {
                name: (cells[place], get_column_letter(place + 1))
                for place, name in enumerate(names)
                if name
            },
        )
