"""The loader against the emulator: what a portal holds is what the raw tables hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

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

    def load(self, **env: str) -> Any:
        return load(Project(REPOSITORY, {}, dict(os.environ) | self.env | env), Log("text"))

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
