"""The guard raises no alarm on portals in which nothing is wrong, nor on thirty days of one."""

from __future__ import annotations

import copy
import csv
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.demo import generate
from bitrix24_effectiveness.guard import Finding
from corruptions.healthy import Portal, clean, keep
from guarding import Guarded, observed, write_portal
from harness import rows_of
from oracle.reading import COLUMNS
from running import IS_LONG, REPOSITORY, long

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# with a number of portals: so many of them, and all thirty days
COUNT = int(os.environ.get("HEALTHY_PORTALS", 7 if IS_LONG else 1))
DAYS = range(0, 30, 1 if "HEALTHY_PORTALS" in os.environ else 3 if IS_LONG else 14)
LAST_DAY = date(2026, 10, 31)
MAVEN = REPOSITORY.parent / "shared/data/maven_crm"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    return Guarded(tmp_path_factory.mktemp("guarded"), NOW)


def made(folder: Path, leads: int, seed: int) -> Portal:
    """A whole demo portal without its dirt."""
    path = folder / f"demo{leads}-{seed}.duckdb"
    generate(path, leads=leads, seed=seed)
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            table: [
                {column: row.get(column) for column in COLUMNS[table]}
                for row in clean(rows_of(connection, f"bitrix24.{table}"))
            ]
            for table in COLUMNS
        }


def alarms(findings: list[Finding]) -> list[str]:
    return [f"{one.table}.{one.check}: {one.observed}" for one in findings if one.stops]


# -- shapes


def whole(portal: Portal) -> None:
    """As it is."""


def simple_crm(portal: Portal) -> None:
    """Deals alone."""
    portal["crm_lead"], portal["crm_lead_status_history"] = [], []
    keep(portal, "crm_activity", lambda row: row["owner_type_id"] != "1")
    activities = {row["id"] for row in portal["crm_activity"]}
    keep(portal, "telephony_call", lambda row: row["crm_activity_id"] in activities)
    for deal in portal["crm_deal"]:
        deal["lead_id"] = None


def without_telephony(portal: Portal) -> None:
    """Calls are made by mobile phone."""
    portal["telephony_call"] = []


def without_chats(portal: Portal) -> None:
    """No open lines."""
    portal["openline_message"] = []


def without_histories(portal: Portal) -> None:
    """A tariff that keeps none."""
    portal["crm_deal_stage_history"], portal["crm_lead_status_history"] = [], []


def round_amounts(portal: Portal) -> None:
    """A subscription: three prices."""
    for number, deal in enumerate(portal["crm_deal"]):
        deal["opportunity"] = ("990", "2990", "9900")[number % 3]


def closed_on_weekends(portal: Portal) -> None:
    """Nothing is created on Saturdays and Sundays; the last week is a holiday."""
    keep(
        portal,
        "tasks",
        lambda row: datetime.fromisoformat(row["created_date"]).weekday() < 5,
    )
    keep(portal, "tasks", lambda row: row["created_date"] < "2026-10-24")


SHAPES: list[Callable[[Portal], None]] = [
    whole, simple_crm, without_telephony, without_chats, without_histories, round_amounts,
    closed_on_weekends,
]  # fmt: skip
# from the second seed on, so that each shape comes large and small
PORTALS = [
    (SHAPES[place % len(SHAPES)], 600 if place % 2 else 150, 2 + place // len(SHAPES))
    for place in range(COUNT)
]


@pytest.mark.parametrize(("shape", "leads", "seed"), PORTALS)
def test_nothing_is_wrong_and_nothing_stops(
    shape: Callable[[Portal], None], leads: int, seed: int, guarded: Guarded, tmp_path: Path
) -> None:
    portal = made(tmp_path, leads, seed)
    shape(portal)
    write_portal(guarded.raw, portal)
    assert alarms(guarded.check()) == []


@pytest.mark.skipif(not MAVEN.is_dir(), reason="the Maven data is not beside the project")
def test_real_deals_of_another_company_raise_no_alarm(guarded: Guarded) -> None:
    portal: Portal = {}
    for path in MAVEN.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            portal[path.stem] = [*csv.DictReader(file)]
    write_portal(guarded.raw, portal)
    assert alarms(guarded.check()) == []


# -- day by day

STATE = (
    ("crm_deal", "crm_deal_stage_history", "stage_id", "stage_semantic_id"),
    ("crm_lead", "crm_lead_status_history", "status_id", "status_semantic_id"),
)
CREATED = {
    "crm_deal": "date_create", "crm_lead": "date_create", "crm_contact": "date_create",
    "crm_company": "date_create", "crm_deal_stage_history": "created_time",
    "crm_lead_status_history": "created_time", "crm_activity": "created",
    "openline_message": "sent_at", "telephony_call": "call_start_date", "tasks": "created_date",
}  # fmt: skip


def as_it_was(portal: Portal, evening: str) -> Portal:
    """The portal as a load of that evening found it: rows made until then, in their stage then."""
    then = copy.deepcopy(portal)
    for table, column in CREATED.items():
        keep(then, table, lambda row, column=column: (row[column] or "") <= evening)
    for table, history, stage, semantic in STATE:
        last = {
            row["owner_id"]: row for row in sorted(then[history], key=lambda r: r["created_time"])
        }
        for row in then[table]:
            found = last.get(row["id"])
            if found:
                row[stage], row[semantic] = found[stage], found[semantic]
            row["date_modify"] = min(row["date_modify"], evening)
            if row["moved_time"]:
                row["moved_time"] = min(row["moved_time"], evening)
    for row in then["crm_activity"]:
        row["last_updated"] = min(row["last_updated"], evening)
    for row in then["tasks"]:
        if (row["closed_date"] or "") > evening:
            row["closed_date"], row["status"] = None, "3"
    return then


def lived(portal: Portal, day: int) -> None:
    """What people do in a month: they delete, rename, and sell something new."""
    gone = {str(row["id"]) for row in portal["crm_lead"][: day // 3]}
    keep(portal, "crm_lead", lambda row: row["id"] not in gone)
    if day >= 10:
        for row in portal["crm_status"]:
            row["name"] = f"{row['name']} (new)"
    if day >= 20:
        portal["crm_category"].append(
            portal["crm_category"][0] | {"id": "77", "name": "Service", "is_default": "N"}
        )


@long
def test_a_healthy_portal_is_loaded_day_by_day(guarded: Guarded, tmp_path: Path) -> None:
    portal = made(tmp_path, 600, 1)
    before: dict[tuple[str, str], str] = {}
    for day in DAYS:
        evening = f"{LAST_DAY - timedelta(days=29 - day)}T23:00:00+03:00"
        found = as_it_was(portal, evening)
        lived(found, day)
        write_portal(guarded.raw, found)
        findings = guarded.check(before)
        assert alarms(findings) == [], evening
        before = observed(findings)
