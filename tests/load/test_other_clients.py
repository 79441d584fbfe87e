"""Clients that others wrote read the emulator: so it speaks what they speak to real portals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from b24pysdk import BitrixWebhook, Client
from b24pysdk.api.callers.call_method import _MethodCaller
from fast_bitrix24 import Bitrix

from emulator import Emulator
from loading import small_portal

ROWS = list(range(1, 171))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(small_portal(len(ROWS))) as running:
        yield running


@pytest.fixture
def official(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Client:
    # it speaks HTTPS alone
    address = property(lambda self: f"http://{self._domain}/rest")
    monkeypatch.setattr(_MethodCaller, "_base_url", address)
    host = emulator.webhook.partition("//")[2].partition("/")[0]
    token = f"{emulator.user}/{emulator.secret}"
    return Client(BitrixWebhook(domain=host, webhook_token=token))


@pytest.mark.parametrize("fast", [False, True], ids=["by start", "by id"])
def test_the_official_sdk_reads_lists_and_universal_lists(
    official: Client, emulator: Emulator, fast: bool
) -> None:
    deals = official.crm.deal.list(select=["ID"])
    items = official.crm.item.list(entity_type_id=2, select=["id"])
    reads = [answer.as_list_fast() if fast else answer.as_list() for answer in (deals, items)]
    assert sorted(int(row["ID"]) for row in reads[0].result) == ROWS
    assert sorted(row["id"] for row in reads[1].result) == ROWS
    if fast:
        orders = [call.parameters["order"] for call in emulator.calls("crm.item.list")]
        assert {"ID": "ASC"} in orders, "in capitals, though answers say id"


def test_fast_bitrix24_reads_lists_and_tasks(emulator: Emulator) -> None:
    client = Bitrix(emulator.webhook, verbose=False)
    deals = client.get_all("crm.deal.list", params={"select": ["ID"]})
    assert sorted(int(row["ID"]) for row in deals) == ROWS
    assert [task["id"] for task in client.get_all("tasks.task.list", {"select": ["ID"]})] == ["5"]
