"""A portal that went live without a past, and a journal of the year before with known figures."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from openpyxl import load_workbook

from bitrix24_effectiveness.demo import generate

GO_LIVE = date(2025, 5, 1)
_CREATED = {
    "crm_deal": "date_create",
    "crm_lead": "date_create",
    "crm_deal_stage_history": "created_time",
    "crm_lead_status_history": "created_time",
    "crm_activity": "created",
    "telephony_call": "call_start_date",
    "openline_message": "sent_at",
    "tasks": "created_date",
}


def write_portal(path: Path, leads: int = 600) -> None:
    """The demo portal without what it recorded before go-live."""
    generate(path, leads=leads, seed=1)
    with duckdb.connect(str(path)) as connection:
        for table, column in _CREATED.items():
            relation = f"bitrix24.{table}"
            connection.execute(
                f"delete from {relation} where left(cast({column} as varchar), 10) < '{GO_LIVE}'"
            )
        for table, key in (("crm_deal_stage_history", "crm_deal"),):
            connection.execute(
                f"delete from bitrix24.{table} where cast(owner_id as varchar) not in "
                f"(select cast(id as varchar) from bitrix24.{key})"
            )
        connection.execute("drop schema if exists crm_effect cascade")


def deals() -> list[dict[str, Any]]:
    """Two years of 20 enquiries a month, of which the first 4 are won on the tenth day.

    Clients 1 and 2 of four buy every month, 3 and 4 are new each month.
    """
    rows = []
    for number in range(24):
        month = date(2023 + (4 + number) // 12, (4 + number) % 12 + 1, 1)
        for place in range(20):
            first = month + timedelta(days=place)
            is_won = place < 4
            client = f"Client {place + 1}" if place < 2 else f"Client {place + 1} of {month}"
            rows.append(
                {
                    "deal_no": len(rows) + 1,
                    "client": client,
                    "channel": "Website",
                    "first_contact_date": first,
                    "closed_date": first + timedelta(days=10 if is_won else 20),
                    "result": "won" if is_won else "lost",
                    "amount": 10_000 * (place + 1) if is_won else 5000,
                }
            )
    return rows


def requests() -> list[dict[str, Any]]:
    """A year of 10 requests a month, answered after 30 minutes, each fifth never."""
    rows = []
    for number in range(12):
        month = date(2024 + (4 + number) // 12, (4 + number) % 12 + 1, 1)
        for place in range(10):
            at = datetime(month.year, month.month, place + 1, 10, 0)
            rows.append(
                {
                    "request_no": len(rows) + 1,
                    "request_channel": "call",
                    "requested_at": at,
                    "answered_at": None if place % 5 == 4 else at + timedelta(minutes=30),
                    "employee": "Anna",
                }
            )
    return rows


def fill_in(path: Path, rows: list[dict[str, Any]], header: dict[str, str]) -> None:
    """Writes rows into the first sheet of a template, as a person would; the header is not touched.

    Args:
        path: Of the workbook.
        rows: By the names of the columns of the journal.
        header: Column -> how the template calls it.
    """
    workbook = load_workbook(path)
    sheet = workbook.worksheets[0]
    places = {str(cell.value).rstrip(" *"): cell.column for cell in sheet[1]}
    for number, row in enumerate(rows, 2):
        for name, value in row.items():
            sheet.cell(number, places[header[name]], value)
    workbook.save(path)
