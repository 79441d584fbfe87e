"""The portal that corruptions spoil: the last months of the demo portal without its dirt."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bitrix24_effectiveness.demo import generate, seed_files
from harness import REPOSITORY, rows_of, seed_rows
from oracle.context import SEED_COLUMNS
from oracle.reading import COLUMNS

Row = dict[str, str | None]
Portal = dict[str, list[Row]]

FIRST_DAY = "2026-08-01"
# the demo marks what it spoils by ids from here on
FIRST_DIRTY_ID = 9_000_000_000


def healthy_portal(folder: Path) -> Portal:
    """Rows as text, in columns of the source contract; the same every time."""
    path = folder / "demo.duckdb"
    generate(path, leads=1000, seed=1)
    with duckdb.connect(str(path), read_only=True) as connection:
        portal = {table: clean(rows_of(connection, f"bitrix24.{table}")) for table in COLUMNS}
    portal = {
        table: [{column: row.get(column) for column in COLUMNS[table]} for row in rows]
        for table, rows in portal.items()
    }
    keep(portal, "crm_deal", lambda row: row["date_create"] >= FIRST_DAY)
    keep(portal, "crm_lead", lambda row: row["date_create"] >= FIRST_DAY)
    deals, leads = ids(portal, "crm_deal"), ids(portal, "crm_lead")
    keep(portal, "crm_deal", lambda row: row["lead_id"] in leads)
    deals = ids(portal, "crm_deal")
    keep(portal, "crm_deal_stage_history", lambda row: row["owner_id"] in deals)
    keep(portal, "crm_lead_status_history", lambda row: row["owner_id"] in leads)
    owners = {"1": leads, "2": deals}
    keep(
        portal,
        "crm_activity",
        lambda row: (
            row["created"] >= FIRST_DAY and row["owner_id"] in owners.get(row["owner_type_id"], ())
        ),
    )
    activities = ids(portal, "crm_activity")
    sessions = {row["associated_entity_id"] for row in portal["crm_activity"]}
    keep(portal, "openline_message", lambda row: row["session_id"] in sessions)
    keep(portal, "telephony_call", lambda row: row["crm_activity_id"] in activities)
    for table, column in (("crm_contact", "contact_id"), ("crm_company", "company_id")):
        linked = {row[column] for row in portal["crm_deal"] + portal["crm_lead"]}
        keep(portal, table, lambda row, linked=linked: row["id"] in linked)
    keep(portal, "tasks", lambda row: (row["created_date"] or "") >= FIRST_DAY)
    return portal


def healthy_seeds() -> dict[str, list[Row]]:
    """The demo company's seeds, with nulls for what is empty."""
    files = seed_files(REPOSITORY)
    return {
        name: [
            {column: value or None for column, value in row.items()}
            for row in seed_rows(files[name].parent, name)
        ]
        for name in SEED_COLUMNS
    }


def keep(portal: Portal, table: str, condition) -> None:
    """Drops the rows of a table that do not fulfil a condition."""
    portal[table] = [row for row in portal[table] if condition(row)]


def ids(portal: Portal, table: str) -> set[str | None]:
    return {row["id"] for row in portal[table]}


def clean(rows: list[Row]) -> list[Row]:
    """Without what the demo spoils, and each key once, in the order of keys."""
    key = "currency" if rows and "currency" in rows[0] else "id"
    by_key = {
        row[key]: row
        for row in rows
        if key == "currency" or (str(row[key]).isdigit() and int(row[key]) < FIRST_DIRTY_ID)
    }
    return [by_key[value] for value in sorted(by_key, key=lambda value: (len(value), value))]
