"""The spreadsheets to fill in, in the words of a language."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.journal.reading import CODES, PLACE
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.project import RawTable

_LAST_ROW = 10_000
_DAY, _INSTANT = "dd.mm.yyyy", "dd.mm.yyyy hh:mm"
# columns with a day alone; the rest of the times are instants
_DAYS = ("first_contact_date", "closed_date")
_EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "journal_deals": [
        {
            "deal_no": 1,
            "client": "example_client_1",
            "channel": "example_channel_site",
            "first_contact_date": date(2025, 3, 3),
            "closed_date": date(2025, 3, 14),
            "result": "won",
            "amount": 48500,
        },
        {
            "deal_no": 2,
            "client": "example_client_2",
            "channel": "example_channel_phone",
            "first_contact_date": date(2025, 3, 4),
            "closed_date": date(2025, 3, 11),
            "result": "lost",
            "amount": 30000,
            "loss_reason": "example_loss_reason",
        },
        {
            "deal_no": 3,
            "client": "example_client_1",
            "channel": "example_channel_repeat",
            "first_contact_date": date(2025, 4, 1),
            "result": "open",
            "amount": 52000,
        },
    ],
    "journal_requests": [
        {
            "request_no": 1,
            "request_channel": "call",
            "requested_at": datetime(2025, 3, 3, 9, 40),
            "answered_at": datetime(2025, 3, 3, 9, 40),
            "employee": "example_employee",
        },
        {
            "request_no": 2,
            "request_channel": "form",
            "requested_at": datetime(2025, 3, 3, 19, 5),
            "answered_at": datetime(2025, 3, 4, 10, 15),
            "employee": "example_employee",
        },
        {
            "request_no": 3,
            "request_channel": "email",
            "requested_at": datetime(2025, 3, 4, 12, 30),
        },
    ],
}


def write_templates(folder: Path, tables: dict[str, RawTable], language: str) -> list[Path]:
    """Writes a workbook and a CSV file for each table of the journal, empty, with examples.

    Raises:
        ConfigurationError: one of them is there already; then nothing is written.
    """
    words = Language(language, "journal")
    files = [folder / f"{name}{suffix}" for name in tables for suffix in (".xlsx", ".csv")]
    for file in files:
        if file.exists():
            raise ConfigurationError(
                f"{file} is there already, and what you wrote in it is not replaced: "
                "name another folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables.values():
        _workbook(table, words).save(folder / f"{table.name}.xlsx")
        _write_csv(folder / f"{table.name}.csv", table, words)
    return files


def _columns(table: RawTable) -> list[str]:
    return [column.name for column in table.columns if column.name not in PLACE]


def _header(table: RawTable, words: Language) -> list[str]:
    # a list of sales may lack it, what is written down by hand need not
    needed = {column.name for column in table.columns if column.required} | {"first_contact_date"}
    return [
        words.word(f"column_{name}") + (" *" if name in needed else "") for name in _columns(table)
    ]


def _write_csv(path: Path, table: RawTable, words: Language) -> None:
    # with the sign by which Excel knows UTF-8, and the separator that it expects there
    with path.open("x", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";" if words.code == "ru" else ",").writerow(
            _header(table, words)
        )


def _workbook(table: RawTable, words: Language) -> Workbook:
    workbook = Workbook()
    sheet: Worksheet = workbook.active  # type: ignore[assignment]  # a new workbook has one
    sheet.title = words.word(f"sheet_{table.name}")
    _head(sheet, table, words)
    for place, name in enumerate(_columns(table), 1):
        letter = get_column_letter(place)
        _check_by_excel(sheet, table, name, f"{letter}2:{letter}{_LAST_ROW}", words)
    examples = workbook.create_sheet(words.word("sheet_examples"))
    _head(examples, table, words)
    for example in _EXAMPLES[table.name]:
        examples.append([_shown(name, example.get(name), words) for name in _columns(table)])
        for cell in examples[examples.max_row]:
            if isinstance(cell.value, date):
                cell.number_format = _INSTANT if isinstance(cell.value, datetime) else _DAY
    _instructions(workbook.create_sheet(words.word("sheet_instructions")), table, words)
    return workbook


def _shown(name: str, value: Any, words: Language) -> Any:
    if name in CODES and value:
        return words.word(f"{name}_{value}")
    return words.word(value) if isinstance(value, str) else value


def _head(sheet: Worksheet, table: RawTable, words: Language) -> None:
    sheet.append(_header(table, words))
    sheet.freeze_panes = "A2"
    for place, cell in enumerate(sheet[1], 1):
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[get_column_letter(place)].width = 20


def _check_by_excel(
    sheet: Worksheet, table: RawTable, name: str, cells: str, words: Language
) -> None:
    raw_type = next(c.meta["raw_type"] for c in table.columns if c.name == name)
    if name in CODES:
        choices = ",".join(words.word(f"{name}_{code}") for code in CODES[name])
        check = DataValidation(type="list", formula1=f'"{choices}"', allow_blank=True)
    elif raw_type == "timestamp":
        # any day since 2000, as Excel counts
        check = DataValidation(type="date", operator="greaterThan", formula1="36526")
        for row in sheet[cells]:
            row[0].number_format = _DAY if name in _DAYS else _INSTANT
    elif raw_type == "number":
        check = DataValidation(type="decimal", operator="greaterThanOrEqual", formula1="0")
    else:
        return
    check.allow_blank = True
    check.showErrorMessage = True
    check.error = words.word(f"check_{'code' if name in CODES else raw_type}")
    check.showInputMessage = True
    check.prompt = words.word(f"help_{name}")
    check.add(cells)
    sheet.add_data_validation(check)


def _instructions(sheet: Worksheet, table: RawTable, words: Language) -> None:
    sheet.column_dimensions["A"].width = 28
    sheet.column_dimensions["B"].width = 100
    for line in words.word(f"instructions_{table.name}").strip().split("\n"):
        sheet.append([None, line])
    sheet.append([])
    for title, name in zip(_header(table, words), _columns(table), strict=True):
        sheet.append([title, words.word(f"help_{name}")])
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
