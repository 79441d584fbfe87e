"""The loader against the emulator: what a portal holds is what the raw tables hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.errors import DataError
from bitrix24_effectiveness.load.loading import load
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from conftest import REPOSITORY
from emulator import Emulator, Portal

QUICK = {"BITRIX24_REQUESTS_PER_SECOND": "0", "BITRIX24_BACKOFF_SECONDS": "0.001"}


def small_portal(deals: int = 130) -> Portal:
    return Portal(
        {
            "crm_deal": [
                {
                    "id": str(i),
                    "stage_id": "WON" if i % 3 == 0 else "NEW",
                    "opportunity": f"{i}.50",
                    "date_create": "2025-03-01T10:00:00+03:00",
                    "date_modify": f"2025-03-{i % 27 + 1:02}T10:00:00+03:00",
                }
                for i in range(1, deals + 1)
            ],
            "crm_status": [
                {
                    "id": "1",
                    "entity_id": "DEAL_STAGE",
                    "status_id": "NEW",
                    "extra": '{"SEMANTICS":"process"}',
                }
            ],
            "users": [{"id": "1", "active": "true", "uf_department": "[1]"}],
            "tasks": [
                {
                    "id": "5",
                    "status": "5",
                    "created_date": "2025-03-01T10:00:00+03:00",
                    "uf_crm_task": '["D_3"]',
                }
            ],
        }
    )


class Loading:
    """An emulated portal and the raw database that it is loaded into."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.emulator = emulator
        self.portal = emulator.portal
        self.raw_db = folder / "raw.duckdb"
        self.env = QUICK | {
            "CRM_RAW_DB": str(self.raw_db),
            "BITRIX24_WEBHOOK_URL": emulator.webhook,
        }

    def load(self, *, sweep: bool = False, accept_deletions: bool = False, **env: str) -> Any:
        project = Project(REPOSITORY, {}, dict(os.environ) | self.env | env)
        return load(project, Log("text"), sweep, accept_deletions)

    def rows(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.raw_db), read_only=True) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    with Emulator(small_portal()) as emulator:
        yield Loading(tmp_path, emulator)


def test_the_whole_portal_arrives_as_text(loading: Loading) -> None:
    loading.load()
    deals = loading.rows("select id, opportunity, date_modify, lead_id from bitrix24.crm_deal")
    assert sorted(deals, key=lambda deal: int(deal[0])) == [
        (row["ID"], row["OPPORTUNITY"], row["DATE_MODIFY"], None)
        for row in loading.portal.tables["crm_deal"].rows.values()
    ]
    assert loading.rows("select extra from bitrix24.crm_status") == [('{"SEMANTICS":"process"}',)]
    assert loading.rows("select active, uf_department from bitrix24.users") == [("true", "[1]")]
    assert loading.rows("select id, uf_crm_task from bitrix24.tasks") == [("5", '["D_3"]')]


def deals_of(loading: Loading) -> list[tuple]:
    return sorted(
        loading.rows("select id, stage_id, opportunity, date_modify from bitrix24.crm_deal"),
        key=lambda deal: int(deal[0]),
    )


def deals_in_portal(loading: Loading) -> list[tuple]:
    rows = loading.portal.tables["crm_deal"].rows
    names = ("ID", "STAGE_ID", "OPPORTUNITY", "DATE_MODIFY")
    return [tuple(rows[key][name] for name in names) for key in sorted(rows)]


def test_a_later_load_asks_for_what_is_new_and_changed(loading: Loading) -> None:
    loading.load()
    asked = len(loading.emulator.requests)
    loading.portal.clock.advance(hours=5)
    loading.portal.modify("crm_deal", 7, stage_id="WON")
    loading.portal.create("crm_deal", stage_id="NEW")
    tallies = loading.load()
    assert (tallies["crm_deal"].new, tallies["crm_deal"].changed) == (1, 1)
    assert deals_of(loading) == deals_in_portal(loading)
    walks = [r for r in loading.emulator.requests[asked:] if r.method == "crm.deal.list"]
    assert len(walks) == 2 and all(">=DATE_MODIFY" in r.parameters["filter"] for r in walks)


def test_deleted_rows_are_removed_and_noted(loading: Loading) -> None:
    loading.load()
    loading.portal.delete("crm_deal", 60)
    assert loading.load()["crm_deal"].deleted == 0
    assert loading.load(sweep=True)["crm_deal"].deleted == 1
    assert deals_of(loading) == deals_in_portal(loading)
    assert loading.rows("select raw_table, id from bitrix24.deleted_rows") == [("crm_deal", "60")]


def test_deleted_rows_are_looked_for_every_week(loading: Loading) -> None:
    loading.load()
    loading.portal.delete("crm_deal", 60)
    loading.portal.clock.advance(days=6)
    assert loading.load()["crm_deal"].deleted == 0
    loading.portal.clock.advance(days=1)
    assert loading.load()["crm_deal"].deleted == 1


def test_a_table_that_lost_a_large_share_stays_until_somebody_says_so(loading: Loading) -> None:
    loading.load()
    for key in range(1, 61):
        loading.portal.delete("crm_deal", key)
    with pytest.raises(DataError, match="crm_deal: the portal no longer gives 60 of 130 rows"):
        loading.load(sweep=True)
    assert len(deals_of(loading)) == 130
    loading.load(sweep=True, accept_deletions=True)
    assert deals_of(loading) == deals_in_portal(loading)


def test_rows_that_a_walk_missed_are_fetched_by_the_sweep(loading: Loading) -> None:
    loading.load()
    with duckdb.connect(str(loading.raw_db)) as connection:
        connection.execute("delete from bitrix24.crm_deal where id = '3'")
    loading.load(sweep=True)
    assert deals_of(loading) == deals_in_portal(loading)
