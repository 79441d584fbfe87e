"""Files that people filled in, or have already -> the tables of the journal."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.journal.cells import UnreadableCell, number_of, time_of
from bitrix24_effectiveness.journal.reading import Journal, read_journal
from bitrix24_effectiveness.journal.template import write_templates
from bitrix24_effectiveness.project import Project
from running import REPOSITORY

TABLES = Project(REPOSITORY, {}).journal_tables
EXAMPLES = REPOSITORY / "docs/journal"


def read(folder: Path) -> Journal:
    return read_journal(folder, TABLES)


def of(journal: Journal, table: str, *columns: str) -> list[tuple[str | None, ...]]:
    return [tuple(row[name] for name in columns) for row in journal.rows[table]]


def example(folder: Path, name: str) -> Journal:
    for path in EXAMPLES.glob(f"{name}.*"):
        shutil.copy(path, folder)
    return read(folder)


# -- cells


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (datetime(2025, 3, 4, 9, 5), "2025-03-04 09:05:00"),
        (datetime(2025, 3, 4, 9, 4, 59, 999_999), "2025-03-04 09:05:00"),
        (date(2025, 3, 4), "2025-03-04"),
        ("04.03.2025", "2025-03-04"),
        ("4.3.25", "2025-03-04"),
        ("04.03.2025 9:05", "2025-03-04 09:05"),
        ("04.03.2025, 09:05:30", "2025-03-04 09:05:30"),
        ("2025-03-04", "2025-03-04"),
        ("2025-03-04T09:05:00+03:00", "2025-03-04 09:05:00+03:00"),
        (45720, "2025-03-04 00:00:00"),
        (45720.5, "2025-03-04 12:00:00"),
        ("  ", None),
        (None, None),
    ],
)
def test_dates_as_people_and_excel_write_them(cell: Any, text: str | None) -> None:
    assert time_of(cell) == text


@pytest.mark.parametrize(
    "cell", ["31.02.2025", "tomorrow", "03/04/2025", "2025-13-01", "04.03.2025 25:00", 17, True]
)
def test_what_is_no_date_or_could_be_two_is_refused(cell: Any) -> None:
    with pytest.raises(UnreadableCell):
        time_of(cell)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1250, "1250"),
        (1250.5, "1250.5"),
        (100.0, "100"),
        ("1 250,50", "1250.50"),
        ("1\N{NO-BREAK SPACE}250", "1250"),
        ("1\N{NARROW NO-BREAK SPACE}250\N{NARROW NO-BREAK SPACE}000.5", "1250000.5"),
        ("-3,5", "-3.5"),
        ("", None),
    ],
)
def test_amounts_as_people_write_them(cell: Any, text: str | None) -> None:
    assert number_of(cell) == text


@pytest.mark.parametrize("cell", ["1,250", "1.250,50", "about 5", date(2025, 3, 4), True])
def test_what_is_no_amount_or_could_be_two_is_refused(cell: Any) -> None:
    with pytest.raises(UnreadableCell):
        number_of(cell)


# -- our own spreadsheets


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_examples_of_a_template_can_be_loaded_as_they_stand(
    tmp_path: Path, language: str
) -> None:
    write_templates(tmp_path, TABLES, language)
    for table in TABLES:
        (tmp_path / f"{table}.csv").unlink()
        path = tmp_path / f"{table}.xlsx"
        workbook = load_workbook(path)
        sheet, examples = workbook.worksheets[:2]
        for row in examples.iter_rows(min_row=2):
            for cell in row:
                sheet.cell(cell.row, cell.column, cell.value)
        workbook.save(path)
    journal = read(tmp_path)
    assert journal.problems == []
    assert of(journal, "journal_deals", "deal_no", "result", "closed_date", "amount") == [
        ("1", "won", "2025-03-14 00:00:00", "48500"),
        ("2", "lost", "2025-03-11 00:00:00", "30000"),
        ("3", "open", None, "52000"),
    ]
    assert of(journal, "journal_requests", "request_channel", "answered_at", "source_row") == [
        ("call", "2025-03-03 09:40:00", "2"),
        ("form", "2025-03-04 10:15:00", "3"),
        ("email", None, "4"),
    ]


def test_templates_that_nobody_filled_in_are_an_empty_journal(tmp_path: Path) -> None:
    write_templates(tmp_path, TABLES, "ru")
    journal = read(tmp_path)
    assert (journal.rows, journal.problems) == (
        {"journal_deals": [], "journal_requests": []},
        [],
    )


def test_excel_lets_nobody_enter_what_cannot_be_read(tmp_path: Path) -> None:
    write_templates(tmp_path, TABLES, "ru")
    sheet = load_workbook(tmp_path / "journal_deals.xlsx").worksheets[0]
    checks = {
        str(check.sqref).partition(":")[0]: check for check in sheet.data_validations.dataValidation
    }
    assert {cell: check.type for cell, check in checks.items()} == {
        "D2": "date", "E2": "date", "F2": "list", "G2": "decimal"
    }  # fmt: skip
    assert checks["F2"].formula1 == '"выиграна,проиграна,в работе"'


def test_csv_as_a_russian_excel_saves_it(tmp_path: Path) -> None:
    text = (
        "№ сделки *;Первый контакт *;Дата закрытия;Результат;Сумма\r\n"
        "7;01.03.2025;02.03.2025;Выиграна;1 000,5\r\n"
    )
    (tmp_path / "journal_deals.csv").write_bytes(text.encode("cp1251"))
    journal = read(tmp_path)
    assert of(journal, "journal_deals", "deal_no", "first_contact_date", "result", "amount") == [
        ("7", "2025-03-01", "won", "1000.5")
    ]


def test_a_number_that_stands_for_two_deals_is_named(tmp_path: Path) -> None:
    text = "deal_no,first_contact_date,result\n1,2025-03-01,open\n1,2025-03-02,open\n"
    (tmp_path / "journal_deals.csv").write_text(text, "utf-8")
    assert read(tmp_path).problems == [
        "journal_deals.csv, row 3: deal_no 1 stands in journal_deals.csv, row 2 too, "
        "with something else: one of the two is used"
    ]


def test_a_word_that_is_no_result_is_named_and_stays(tmp_path: Path) -> None:
    text = "deal_no,first_contact_date,result\n1,2025-03-01,maybe\n"
    (tmp_path / "journal_deals.csv").write_text(text, "utf-8")
    journal = read(tmp_path)
    assert journal.problems == [
        "journal_deals.csv, row 2, column C (result): maybe is none of won, lost, open"
    ]
    assert of(journal, "journal_deals", "result") == [("maybe",)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.csv", b"a,b\n", "has no journal: make one with"),
        ("journal_deals.csv", b"deal_no,amount\n1,5\n", "column result is missing"),
        ("journal_deals.xlsx", b"not a workbook", "cannot be read as a spreadsheet"),
        ("journal_deals.csv", b"result,Result\nwon,won\n", "column result is there twice"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_whole_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path)


# -- what a company has already: docs/journal


def test_sales_of_1c(tmp_path: Path) -> None:
    journal = example(tmp_path, "sales_1c")
    assert journal.problems == []
    columns = ("deal_no", "client", "first_contact_date", "closed_date", "result", "amount")
    assert of(journal, "journal_deals", *columns, "currency", "source_row") == [
        ("ЦБ-000101", 'ООО "Ромашка"', None, "2025-03-03 11:20:00", "won", "48500.00", "RUB", "5"),
        ("ЦБ-000102", "Петров И. С.", None, "2025-03-04 16:05:12", "won", "7200.50", "RUB", "6"),
        ("ЦБ-000104", "Harbour Ltd", None, "2025-03-28 18:30:00", "won", "900.00", "EUR", "8"),
    ]


def test_calls_of_a_telephone_exchange(tmp_path: Path) -> None:
    journal = example(tmp_path, "calls")
    assert journal.problems == []
    assert of(journal, "journal_requests", "request_no", "request_channel", "answered_at") == [
        # talked at once; missed twice and called back at the second try; never called back
        ("c1", "call", "2025-03-03 09:40:00"),
        ("c2", "call", "2025-03-03 11:00:00"),
        ("c6", "call", None),
    ]
    assert "2223344" not in str(journal.rows)


def test_a_list_of_deals_in_excel(tmp_path: Path) -> None:
    journal = example(tmp_path, "deal_list")
    assert journal.problems == []
    columns = ("deal_no", "channel", "first_contact_date", "result", "amount", "loss_reason")
    assert of(journal, "journal_deals", *columns) == [
        ("deal_list:2", "сайт", "2025-03-03 00:00:00", "won", "48500", None),
        ("deal_list:3", "звонок", "2025-03-04 00:00:00", "lost", None, "дорого"),
        ("deal_list:4", "выставка", "2025-03-05", "open", "120000.50", None),
        ("deal_list:5", "сайт", "2025-03-07 00:00:00", "won", "15000", None),
    ]


def test_every_example_is_loaded_by_a_test_of_its_own() -> None:
    assert {path.stem for path in EXAMPLES.iterdir()} == {"sales_1c", "calls", "deal_list"}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("table: deals", "m.yml: table: Input should be"),
        ("table: journal_deals\ncolumns: {amont: A}", "no column amont; did you mean amount"),
        ("table: journal_deals\ncolumns: {amount: Z}\nconstants: {result: won}", "no column z"),
        ("table: [", "not valid YAML"),
        (
            "table: journal_deals\ncolumns: {}\nsheet: Other\nconstants: {result: won}",
            "no sheet Other",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(tmp_path: Path, mapping: str, message: str) -> None:
    workbook = Workbook()
    for row in (["A", "B"], [1, 2]):
        workbook.active.append(row)
    workbook.save(tmp_path / "m.xlsx")
    (tmp_path / "m.yml").write_text(mapping, "utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read(tmp_path)
