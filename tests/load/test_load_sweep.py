"""Deleted rows are found by counting, and rows that changed without their date by reading again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitrix24_effectiveness.errors import DataError
from bitrix24_effectiveness.load import sweep as module
from emulator import Emulator, Fault, FaultPlan, Request
from loading import Loading, deals_in_portal, deals_of, small_portal
from running import long


@pytest.fixture
def thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loading]:
    """A loaded portal of a thousand deals, swept in ranges of a hundred."""
    monkeypatch.setattr(module, "RANGE", 100)
    with Emulator(small_portal(1000)) as emulator:
        loading = Loading(tmp_path, emulator)
        loading.load()
        emulator.requests.clear()
        yield loading


def of_sweep(loading: Loading, method: str = "crm.deal.list") -> list[Request]:
    """Calls that ask for a range of keys."""
    calls = loading.emulator.calls(method)
    return [call for call in calls if "<=ID" in (call.parameters.get("filter") or {})]


def test_a_quiet_portal_is_counted_and_nothing_else(
    thousand: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    thousand.load(sweep=True)
    counts = of_sweep(thousand)
    # ten ranges, and what lies behind them
    assert len(counts) == 11 and len({call.number for call in counts}) == 1
    assert all(call.parameters["start"] == "0" and call.select == ["ID"] for call in counts)
    said = capsys.readouterr().err
    assert "1,001 rows are counted by at most" in said


def test_a_large_portal_is_swept_by_few_requests() -> None:
    ranges = -(-11_000_000 // module.RANGE)
    assert ranges / 50 < 500, "a million deals and ten million activities"


@long
def test_keys_are_read_where_counts_differ(thousand: Loading) -> None:
    thousand.portal.delete("crm_deal", 555)
    assert thousand.load(sweep=True)["crm_deal"].deleted == 1
    assert deals_of(thousand) == deals_in_portal(thousand)
    keys = [call for call in of_sweep(thousand) if call.parameters["start"] == "-1"]
    assert {call.parameters["filter"]["<=ID"] for call in keys} == {"600"}
    assert all(call.select == ["ID"] for call in keys)


@long
def test_rows_that_the_user_could_not_see_before_are_read(thousand: Loading) -> None:
    portal = thousand.portal
    portal.unseen["crm_deal"] = {1, 2, 3, 500, 1000}
    thousand.load(sweep=True)
    assert len(deals_of(thousand)) == 995
    portal.unseen.clear()
    thousand.load(sweep=True)
    assert deals_of(thousand) == deals_in_portal(thousand)


@long
def test_a_sweep_goes_on_where_it_stopped(
    thousand: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", 1)
    for key in (150, 450, 750):
        thousand.portal.delete("crm_deal", key)

    class Revoked(FaultPlan):
        """The webhook is deleted when the second range with a difference is asked for."""

        def at(self, number: int) -> tuple[Fault, ...]:
            asked = {call.parameters["filter"]["<=ID"] for call in of_sweep(thousand)
                     if call.parameters["start"] == "-1"}  # fmt: skip
            return (Fault("error", code="NO_AUTH_FOUND"),) if len(asked) == 2 else ()

    thousand.emulator.faults = Revoked()
    assert "NO_AUTH_FOUND" in thousand.refusal(sweep=True)
    thousand.emulator.faults = FaultPlan()
    thousand.emulator.requests.clear()
    thousand.load()
    assert deals_of(thousand) == deals_in_portal(thousand)
    assert not [call for call in of_sweep(thousand) if call.parameters["start"] == "0"]
    assert "200" not in {call.parameters["filter"]["<=ID"] for call in of_sweep(thousand)}


@long
def test_ids_with_gaps_are_swept_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RANGE", 10)
    portal = small_portal(400)
    for key in range(1, 401):
        if (key % 7 and not 100 < key < 103) or key < 30:
            portal.delete("crm_deal", key)
    with Emulator(portal) as emulator:
        loading = Loading(tmp_path, emulator)
        loading.load()
        portal.delete("crm_deal", 399)
        portal.delete("crm_deal", 35)
        assert loading.load(sweep=True)["crm_deal"].deleted == 2
        assert deals_of(loading) == deals_in_portal(loading)
        ends = [int(call.parameters["filter"]["<=ID"]) for call in of_sweep(loading)]
        # all ranges but two are asked for once
        assert 5 < len(set(ends)) < 10 and len(ends) == len(set(ends)) + 2


@long
def test_a_full_load_heals_rows_that_changed_without_their_date(thousand: Loading) -> None:
    rows = thousand.portal.tables["crm_deal"].rows
    rows[5] = rows[5] | {"OPPORTUNITY": "77.00"}
    thousand.portal.tables["crm_deal"].version += 1
    thousand.portal.delete("crm_deal", 6)
    thousand.load()
    assert deals_of(thousand) != deals_in_portal(thousand)
    thousand.load(full=True)
    assert deals_of(thousand) == deals_in_portal(thousand)


@long
def test_a_large_loss_is_seen_before_any_key_is_read(thousand: Loading) -> None:
    for key in range(1, 301):
        thousand.portal.delete("crm_deal", key)
    with pytest.raises(DataError, match=re.escape("no longer gives 300 of 1,000 rows")):
        thousand.load(sweep=True)
    assert not [call for call in of_sweep(thousand) if call.parameters["start"] == "-1"]
    thousand.load(sweep=True, accept_deletions=True)
    assert deals_of(thousand) == deals_in_portal(thousand)
