"""How the loader treats a portal: its time, its limits, its refusals and its address."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.settings import Webhook
from emulator import Emulator, Fault, FaultPlan, Limits
from loading import Loading, deals_in_portal, deals_of, small_portal
from running import long, sample


def batches(emulator: Emulator, method: str) -> list[int]:
    """Calls of each batch that asked for a method."""
    calls = emulator.calls(method)
    return [len(list(group)) for _, group in itertools.groupby(calls, lambda call: call.number)]


def test_a_batch_that_takes_too_long_is_halved_and_grows_again(tmp_path: Path) -> None:
    # twenty calls of three seconds fit into the sixty of a request
    with Emulator(small_portal(6000), limits=Limits(request=60, cost=3)) as emulator:
        loading = Loading(tmp_path, emulator)
        loading.load(BITRIX24_OPERATING_LIMIT="0")
        assert deals_of(loading) == deals_in_portal(loading)
        # of 50 and of 25 calls the emulator makes 21; then 12, and one more each time
        assert batches(emulator, "crm.deal.list")[:7] == [2, 10, 21, 21, 12, 13, 14]


def test_a_page_that_takes_too_long_is_told_as_such(tmp_path: Path) -> None:
    with Emulator(small_portal(), limits=Limits(request=60, cost=61)) as emulator:
        message = Loading(tmp_path, emulator).refusal(BITRIX24_ATTEMPTS="2")
    assert "is too slow (HTTP 504)" in message and "address of a portal" not in message


def test_an_address_that_cannot_be_reached_fails_within_ten_seconds(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    message = loading.refusal(
        BITRIX24_WEBHOOK_URL="http://localhost:9/rest/1/secret/", BITRIX24_BACKOFF_SECONDS="1"
    )
    assert time.monotonic() - started < 10
    assert message.startswith("localhost cannot be reached")
    assert capsys.readouterr().err.count("attempt") == 1, "the second of two attempts"


def test_a_portal_that_was_reached_once_is_waited_for(loading: Loading) -> None:
    loading.emulator.faults = FaultPlan({n: Fault("reset_before") for n in range(3, 9)})
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)


def test_no_list_is_counted(loading: Loading) -> None:
    loading.load()
    for method in ("voximplant.statistic.get", "tasks.task.list", "crm.deal.list", "user.get"):
        calls = loading.emulator.calls(method)
        assert calls and all(call.parameters["start"] == "-1" for call in calls), method


@pytest.mark.parametrize("kind", sample(["error", "html"]))
def test_the_portal_says_when_it_wants_to_be_asked_again(loading: Loading, kind: str) -> None:
    fault = Fault(kind, 503, "QUERY_LIMIT_EXCEEDED", retry_after="1")
    loading.emulator.faults = FaultPlan({2: fault})
    started = time.monotonic()
    loading.load()
    assert time.monotonic() - started >= 1
    assert deals_of(loading) == deals_in_portal(loading)


@pytest.mark.parametrize(
    ("code", "advice"),
    [("OVERLOAD_LIMIT", "only its support lifts that"), ("PORTAL_DELETED", "the address of")],
)
def test_a_portal_that_is_closed_is_not_asked_again(
    loading: Loading, code: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.emulator.faults = FaultPlan({n: Fault("error", code=code) for n in range(3, 90)})
    message = loading.refusal()
    assert code in message and advice in message
    assert "attempt" not in capsys.readouterr().err
    assert max(call.number for call in loading.emulator.requests) == 2


@long
@pytest.mark.parametrize("as_text", [False, True])
def test_another_table_is_read_while_a_method_must_rest(tmp_path: Path, as_text: bool) -> None:
    limits = Limits(operating=5.0, window=2.0, cost=0.1)
    with Emulator(small_portal(4000), limits=limits) as emulator:
        emulator.says_times_as_text = as_text
        loading = Loading(tmp_path, emulator)
        loading.load(BITRIX24_OPERATING_LIMIT="1")
        assert deals_of(loading) == deals_in_portal(loading)
        methods = [call.method for call in emulator.requests]
        last_deals = len(methods) - 1 - methods[::-1].index("crm.deal.list")
        assert methods.index("tasks.task.list") < last_deals
        assert methods.index("crm.activity.list") < last_deals


def test_rows_behind_a_page_that_is_not_full_arrive(loading: Loading) -> None:
    hidden = {3, 4, 60, 119, 130}
    loading.portal.unseen["crm_deal"] = hidden
    loading.load()
    expected = [deal for deal in deals_in_portal(loading) if int(deal[0]) not in hidden]
    assert deals_of(loading) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://portal.example/rest/1/abc123/",
        "https://portal.example/rest/1/abc123",
        "https://portal.example/rest/1/abc123/profile.json",
        "https://portal.example/rest/1/abc123/crm.deal.list.json/",
        '"https://portal.example/rest/1/abc123/"',
        " «https://portal.example/rest/1/abc123/» ",
        "https://portal.example//rest/1//abc123//",
    ],
)
def test_an_address_is_read_as_people_copy_it(address: str) -> None:
    assert Webhook.parse(address) == Webhook("https://portal.example", "/rest/1/abc123/")


def test_an_address_of_something_else_is_refused() -> None:
    for address in ("https://portal.example/rest/1/abc/?x=1", "https://a b/rest/1/abc/"):
        with pytest.raises(ConfigurationError, match="is no address of an incoming webhook"):
            Webhook.parse(address)


def test_a_portal_that_has_moved_names_its_new_address(loading: Loading) -> None:
    loading.emulator.moved_to = "new.portal.example"
    message = loading.refusal()
    assert "answers from new.portal.example now: was the portal renamed?" in message
    assert Emulator.secret not in message


@long
def test_a_renamed_portal_goes_on_in_its_database(loading: Loading) -> None:
    loading.load()
    renamed = loading.emulator.webhook.replace("127.0.0.1", "localhost")
    assert "`crm-effect load --renamed`" in loading.refusal(BITRIX24_WEBHOOK_URL=renamed)
    assert loading.load(BITRIX24_WEBHOOK_URL=renamed, renamed=True)["crm_deal"].new == 0
    loading.load(BITRIX24_WEBHOOK_URL=renamed)


@long
def test_a_method_that_is_gone_has_a_successor(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.portal.absent.add("crm.deal.list")
    loading.load()
    assert "crm.deal.list is gone: crm.item.list is asked instead" in capsys.readouterr().err
    written = loading.rows(
        "select id, stage_id, cast(opportunity as double) from bitrix24.crm_deal"
    )
    assert sorted(written, key=lambda deal: int(deal[0])) == [
        (deal[0], deal[1], float(deal[2])) for deal in deals_in_portal(loading)
    ]
    loading.portal.clock.advance(hours=5)
    loading.portal.modify("crm_deal", 7, stage_id="WON")
    loading.portal.delete("crm_deal", 9)
    tallies = loading.load(sweep=True)
    assert (tallies["crm_deal"].changed, tallies["crm_deal"].deleted) == (1, 1)


def test_the_smallest_right_to_users_is_enough(loading: Loading) -> None:
    loading.portal.scopes = {"crm", "user_brief"}
    loading.load()
    assert loading.rows("select id, uf_department from bitrix24.users") == [("1", "[1]")]
