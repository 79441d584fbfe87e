"""The messages of chats: who wrote when, and nothing of what was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator import CANARY, Emulator, Fault, FaultPlan, Portal
from loading import Loading
from running import long

KINDS = {"501": "client", "7": "operator", "9": "bot", "0": "system"}


def portal_with_chats(sessions: int = 120) -> Portal:
    activities = [
        {
            "id": str(i),
            "owner_id": "1",
            "owner_type_id": "1",
            "provider_id": "IMOPENLINES_SESSION",
            "direction": "1",
            "created": "2025-03-01T10:00:00+03:00",
            "last_updated": "2025-03-01T11:00:00+03:00",
            "result_status": "1",
            "associated_entity_id": str(1000 + i),
            "result_source_id": "telegram",
        }
        for i in range(1, sessions + 1)
    ]
    activities.append(activities[0] | {"id": "900", "provider_id": "CRM_EMAIL",
                                       "associated_entity_id": "0"})  # fmt: skip
    messages = [
        {
            "id": str(10 * i + n),
            "session_id": str(1000 + i),
            "sender_id": sender,
            "sender_kind": kind,
            "sent_at": f"2025-03-01T10:0{n}:00+03:00",
        }
        for i in range(1, sessions + 1)
        for n, (sender, kind) in enumerate(KINDS.items())
    ]
    deals = [{"id": "1", "stage_id": "NEW", "date_create": "2025-03-01T10:00:00+03:00",
              "date_modify": "2025-03-01T10:00:00+03:00"}]  # fmt: skip
    status = [{"id": "1", "entity_id": "DEAL_STAGE", "status_id": "NEW"}]
    return Portal(
        {
            "crm_activity": activities,
            "openline_message": messages,
            "crm_deal": deals,
            "crm_status": status,
        }
    )


@pytest.fixture
def chats(tmp_path: Path) -> Iterator[Loading]:
    with Emulator(portal_with_chats()) as emulator:
        yield Loading(tmp_path, emulator)


def written(chats: Loading) -> list[tuple[Any, ...]]:
    query = "select id, session_id, sender_id, sender_kind, sent_at from bitrix24.openline_message"
    return sorted(chats.rows(query), key=lambda row: int(row[0]))


def held(chats: Loading) -> list[tuple[Any, ...]]:
    rows = chats.portal.tables["openline_message"].rows
    return [tuple(rows[key].values()) for key in sorted(rows)]


def sessions_asked(chats: Loading) -> list[str]:
    calls = chats.emulator.calls("imopenlines.session.history.get")
    return [call.parameters["SESSION_ID"] for call in calls]


def test_messages_arrive_without_texts_and_names_fifty_chats_to_a_request(chats: Loading) -> None:
    chats.load()
    assert written(chats) == held(chats)
    assert {(row[2], row[3]) for row in written(chats)} == set(KINDS.items())
    calls = chats.emulator.calls("imopenlines.session.history.get")
    assert len(calls) == 120 and len({call.number for call in calls}) == 3
    query = (
        "select result_status, associated_entity_id, result_source_id from bitrix24.crm_activity"
    )
    assert ("1", "1007", "telegram") in chats.rows(query)
    for path in chats.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


@long
def test_later_loads_ask_for_new_and_changed_chats_alone(chats: Loading) -> None:
    chats.load()
    chats.emulator.requests.clear()
    chats.load()
    assert sessions_asked(chats) == []
    chats.portal.clock.advance(hours=5)
    chats.portal.modify("crm_activity", 7, completed="Y")
    chats.portal.create(
        "openline_message", session_id="1007", sender_id="7", sender_kind="operator"
    )
    tallies = chats.load()
    assert sessions_asked(chats) == ["1007"]
    assert (tallies["openline_message"].new, tallies["openline_message"].changed) == (1, 4)
    assert written(chats) == held(chats)


def test_without_the_right_the_table_is_absent_and_the_rest_goes_on(
    chats: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    chats.portal.scopes.remove("imopenlines")
    chats.load()
    said = " ".join(capsys.readouterr().err.split())
    assert "openline_message is left out" in said and "right (scope) `imopenlines`" in said
    states = dict(chats.rows("select raw_table, is_complete from bitrix24.loaded_tables"))
    assert states["crm_activity"] and "openline_message" not in states


def test_a_chat_that_cannot_be_read_leaves_the_others(chats: Loading) -> None:
    chats.portal.unseen["openline_session"] = {"1001", "1060", "1120"}
    chats.load()
    hidden = {"1001", "1060", "1120"}
    assert written(chats) == [row for row in held(chats) if row[1] not in hidden]


@long
def test_a_load_that_gave_up_goes_on_behind_the_last_chat(chats: Loading) -> None:
    class Failing(FaultPlan):
        """After the first fifty chats the webhook is deleted."""

        def at(self, number: int) -> tuple[Fault, ...]:
            is_read = len(sessions_asked(chats)) == 50
            return (Fault("error", code="NO_AUTH_FOUND"),) if is_read else ()

    chats.emulator.faults = Failing()
    assert "NO_AUTH_FOUND" in chats.refusal()
    assert len(written(chats)) == 200
    chats.emulator.faults = FaultPlan()
    chats.load()
    assert written(chats) == held(chats)
    assert sorted(sessions_asked(chats)) == [str(1000 + i) for i in range(1, 121)]


def test_without_activities_no_chat_is_known(
    chats: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    chats.load(BITRIX24_SKIP_TABLES="crm_activity")
    said = " ".join(capsys.readouterr().err.split())
    assert "openline_message is left out: its chats are known by crm_activity" in said
