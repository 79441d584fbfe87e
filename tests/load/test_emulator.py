"""The emulator of a portal answers as the documentation of Bitrix24 says."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from emulator import CANARY, Emulator, Fault, FaultPlan, Limits, Portal
from emulator.faults import RandomFaults
from emulator.portal import People

TIME = "2025-03-{:02}T10:00:00+03:00"


def plain_portal(**settings: Any) -> Portal:
    deals = [
        {
            "id": str(i),
            "stage_id": "WON" if i % 3 == 0 else "NEW",
            "opportunity": f"{i}.50",
            "date_create": TIME.format(1),
            "date_modify": TIME.format(i % 27 + 1),
        }
        for i in range(1, 121)
    ]
    histories = [
        {"id": "9", "type_id": "1", "owner_id": "3", "created_time": TIME.format(2)} | stage
        for stage in ({"stage_id": "NEW", "category_id": "0"},)
    ]
    tasks = [
        {"id": str(i), "status": "5", "created_date": TIME.format(3), "closed_date": "",
         "responsible_id": "1", "uf_crm_task": '["D_3"]'}
        for i in (1, 2)
    ]  # fmt: skip
    users = [
        {"id": "1", "active": "true", "uf_department": "[1]", "user_type": "employee"},
        {"id": "2", "active": "true", "uf_department": "[]", "user_type": "bot"},
    ]
    calls = [{"id": str(i), "call_start_date": TIME.format(4), "call_type": "1"} for i in (8, 9)]
    return Portal(
        {
            "crm_deal": deals,
            "crm_deal_stage_history": histories,
            "crm_status": [{"id": "1", "entity_id": "SOURCE", "extra": '{"SEMANTICS":"process"}'}],
            "crm_category": [{"id": "0", "name": "General", "sort": "10", "is_default": "Y"}],
            "crm_currency": [{"currency": "RUB", "base": "Y"}],
            "tasks": tasks,
            "users": users,
            "telephony_call": calls,
        },
        **settings,
    )


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(plain_portal()) as running:
        yield running


def send(emulator: Emulator, method: str, data: bytes | None = None, kind: str = "") -> Any:
    """Status and answer, as a JSON value."""
    request = urllib.request.Request(
        emulator.webhook + method, data, {"Content-Type": kind} if kind else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def call(emulator: Emulator, method: str, **parameters: Any) -> Any:
    return send(emulator, method, json.dumps(parameters).encode(), "application/json")


def ids(answer: Any) -> list[int]:
    return [int(row["ID"]) for row in answer[1]["result"]]


def test_selected_fields_are_delivered_as_text_and_unknown_ones_are_left_out(
    emulator: Emulator,
) -> None:
    status, answer = call(
        emulator,
        "crm.deal.list",
        select=["OPPORTUNITY", "NO_SUCH_FIELD"],
        filter={"STAGE_ID": "WON", "<=ID": "6"},
        order={"ID": "DESC"},
    )
    assert status == 200
    assert answer["result"] == [
        {"ID": "6", "OPPORTUNITY": "6.50"},
        {"ID": "3", "OPPORTUNITY": "3.50"},
    ]
    assert (answer["total"], "next" in answer) == (2, False)
    assert answer["time"]["date_start"].endswith("+03:00")


def test_pages_have_fifty_rows_and_say_where_the_next_begins(emulator: Emulator) -> None:
    first, second, third = (call(emulator, "crm.deal.list", start=start) for start in (0, 50, 100))
    assert [answer["next"] for _, answer in (first, second)] == [50, 100]
    assert "next" not in third[1]
    assert [*ids(first), *ids(second), *ids(third)] == list(range(1, 121))
    assert first[1]["total"] == 120


def test_without_counting_pages_are_taken_by_id(emulator: Emulator) -> None:
    found, last = [], 0
    while True:
        answer = call(
            emulator, "crm.deal.list", filter={">ID": last}, order={"ID": "ASC"}, start=-1
        )
        assert (answer[1]["total"], "next" in answer[1]) == (0, False)
        found += ids(answer)
        if len(ids(answer)) < 50:
            break
        last = found[-1]
    assert found == list(range(1, 121))


def test_get_form_and_json_mean_the_same(emulator: Emulator) -> None:
    query = urlencode({"filter[>ID]": 117, "order[ID]": "DESC", "select[]": "ID"})
    form = "application/x-www-form-urlencoded"
    expected = [120, 119, 118]
    assert ids(send(emulator, f"crm.deal.list.json?{query}")) == expected
    assert ids(send(emulator, "crm.deal.list", query.encode(), form)) == expected
    body = {"filter": {">ID": 117}, "order": {"ID": "DESC"}, "select": ["ID"]}
    assert ids(call(emulator, "crm.deal.list", **body)) == expected


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("@ID", [5, 7], [5, 7]),
        ("ID", ["5", "7"], [5, 7]),
        ("!@ID", list(range(1, 120)), [120]),
        (">=DATE_MODIFY", "2025-03-27T07:00:00+00:00", [26, 53, 80, 107]),
        (">OPPORTUNITY", "119", [119, 120]),
        ("!STAGE_ID", "NEW", list(range(3, 121, 3))),
        ("%STAGE_ID", "ON", list(range(3, 121, 3))),
    ],
)
def test_conditions_compare_numbers_and_instants(
    emulator: Emulator, condition: str, value: Any, expected: list[int]
) -> None:
    assert ids(call(emulator, "crm.deal.list", filter={condition: value})) == expected


def test_each_method_nests_and_names_its_rows_in_its_own_way(emulator: Emulator) -> None:
    def result(method: str, **parameters: Any) -> Any:
        return call(emulator, method, **parameters)[1]["result"]

    history = result("crm.stagehistory.list", entityTypeId=2, select=["ID", "STAGE_ID"])
    assert history == {"items": [{"ID": 9, "STAGE_ID": "NEW"}]}
    assert result("crm.category.list", entityTypeId=2)["categories"] == [
        {"id": 0, "name": "General", "sort": 10, "isDefault": "Y"}
    ]
    (task, _) = result(
        "tasks.task.list", select=["ID", "UF_CRM_TASK", "RESPONSIBLE_ID"], order={"ID": "asc"}
    )["tasks"]
    assert (task["id"], task["ufCrmTask"], task["responsibleId"]) == ("1", ["D_3"], "1")
    assert CANARY in task["responsible"]["name"], "people of a task come unasked"
    item = result("crm.item.list", entityTypeId=2, filter={"id": 4}, select=["id", "updatedTime"])
    assert item == {"items": [{"id": 4, "updatedTime": TIME.format(5)}]}
    (user,) = result("user.get", select=["ID", "ACTIVE", "UF_DEPARTMENT"])
    assert user == {"ID": "1", "ACTIVE": True, "UF_DEPARTMENT": [1]}, "bots are not returned"
    assert result("crm.status.list")[0]["EXTRA"] == {"SEMANTICS": "process"}
    assert result("crm.currency.list") == [{"CURRENCY": "RUB", "BASE": "Y"}]
    (phone_call,) = result("voximplant.statistic.get", FILTER={">ID": 8}, SORT="ID", ORDER="ASC")
    assert CANARY in phone_call["PHONE_NUMBER"], "nothing can be selected here"


def test_what_no_page_allows_is_an_error(emulator: Emulator) -> None:
    def refused(method: str, **parameters: Any) -> tuple[int, str]:
        status, answer = call(emulator, method, **parameters)
        return status, answer["error"]

    unknown = refused("crm.stagehistory.list", entityTypeId=2, filter={"USER_ID": 1})
    assert unknown == (400, "INVALID_ARG_VALUE")
    assert refused("crm.stagehistory.list") == (400, "ENTITY_TYPE_NOT_SUPPORTED")
    assert refused("crm.deal.list", filter="ID") == (400, "")
    assert refused("tasks.task.list", filter={"@ID": [1]}) == (400, "")
    assert refused("tasks.task.list", order={"RESPONSIBLE_ID": "asc"}) == (400, "0")
    assert refused("voximplant.statistic.get", FILTER={"@ID": [1]}) == (400, "")
    assert refused("crm.nothing.list") == (404, "ERROR_METHOD_NOT_FOUND")


def test_a_batch_passes_results_on_and_writes_arrays_as_php_does(emulator: Emulator) -> None:
    page = "crm.deal.list?order[ID]=ASC&start=-1&select[]=ID&filter[>ID]="
    following = f"{page}$result[0][49][ID]"
    _, answer = call(emulator, "batch", halt=0, cmd=[f"{page}0", following, "crm.nothing.list"])
    result = answer["result"]
    assert [row["ID"] for row in result["result"][1]] == [str(i) for i in range(51, 101)]
    assert result["result_error"] == {
        "2": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"}
    }
    assert (result["result_next"], result["result_total"]) == ([], [0, 0])
    _, answer = call(emulator, "batch", halt=1, cmd={"a": "batch", "b": "crm.currency.list"})
    assert answer["result"]["result"] == []
    assert answer["result"]["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"
    _, answer = call(emulator, "batch", cmd=["crm.currency.list"] * 51)
    assert answer["result"]["result_error"]["50"]["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"
    assert len(answer["result"]["result"]) == 50
    command = quote("crm.deal.list?filter[STAGE_ID]=NE%57&select[]=ID")
    _, answer = send(emulator, f"batch?cmd[deals]={command}")
    assert len(answer["result"]["result"]["deals"]) == 50
    assert answer["result"]["result_next"] == {"deals": 50}


def test_a_reference_to_what_is_not_there_is_followed_as_far_as_it_goes(
    emulator: Emulator,
) -> None:
    """As published source of the module has it: the page stands in place of its row."""
    short = "crm.deal.list?order[ID]=ASC&start=-1&select[]=ID&filter[>ID]=100"
    behind = "crm.deal.list?order[ID]=ASC&start=-1&select[]=ID&filter[>ID]=$result[0][49][ID]"
    unknown = "crm.deal.list?filter[STAGE_ID]=$result[nothing][0]"
    _, answer = call(emulator, "batch", cmd=[short, behind, unknown])
    pages = answer["result"]["result"]
    assert [row["ID"] for row in pages[0]] == [str(i) for i in range(101, 121)]
    assert len(pages[1]) == 50 and pages[1][0]["ID"] == "2", "rows from the beginning"
    asked = emulator.requests[-1].parameters["filter"]["STAGE_ID"]
    assert list(asked) == ["0", "1"] and pages[2] == [], "of an unknown call: all results"


def test_a_request_of_more_than_sixty_seconds_is_cut_off_and_counting_costs_most() -> None:
    limits = Limits(request=60, cost=1, counting=0.5)
    with Emulator(plain_portal(), limits=limits) as emulator:
        page = "crm.deal.list?filter[>ID]=0&start=-1"
        assert call(emulator, "batch", cmd=[page] * 50)[0] == 200
        with pytest.raises(json.JSONDecodeError):
            call(emulator, "batch", cmd=["crm.deal.list"])
        assert call(emulator, "crm.deal.list", filter={"<=ID": 100})[0] == 200


def test_the_history_of_a_chat_has_its_messages_and_people_by_their_ids() -> None:
    message = {"id": "8", "session_id": "321", "sent_at": TIME.format(5)}
    portal = Portal({
        "openline_message": [
            message | {"sender_id": "103", "sender_kind": "operator"},
            message | {"id": "9", "sender_id": "0", "sender_kind": "system"},
        ]
    })  # fmt: skip
    with Emulator(portal) as emulator:
        status, answer = call(emulator, "imopenlines.session.history.get", SESSION_ID=321)
        history = answer["result"]
        assert (status, history["sessionId"]) == (200, 321)
        assert list(history["message"]) == ["9", "8"] and list(history["users"]) == ["103"]
        assert history["message"]["8"]["senderid"] == "103"
        assert CANARY in history["message"]["8"]["text"]
        assert (history["users"]["103"]["connector"], history["users"]["103"]["bot"]) == (
            False,
            False,
        )
        assert call(emulator, "imopenlines.session.history.get", SESSION_ID=5) == (
            400,
            {
                "error": "ACCESS_DENIED",
                "error_description": "You cannot open this conversation as you do not have "
                "sufficient rights",
            },
        )
        missing = call(emulator, "imopenlines.session.history.get")
        assert missing[1]["error"] == "MISSING_REQUIRED_PARAM"
        portal.scopes.remove("imopenlines")
        refused = call(emulator, "imopenlines.session.history.get", SESSION_ID=321)
        assert refused[1]["error"] == "insufficient_scope"


def test_rows_that_the_user_may_not_see_leave_a_gap_in_their_page(emulator: Emulator) -> None:
    emulator.portal.unseen["crm_deal"] = {2, 3}
    answer = call(emulator, "crm.deal.list", order={"ID": "ASC"})
    assert len(ids(answer)) == 48 and answer[1]["total"] == 118


def test_a_portal_says_when_it_wants_to_be_asked_again(emulator: Emulator) -> None:
    fault = Fault("error", code="QUERY_LIMIT_EXCEEDED", retry_after="7")
    emulator.faults = FaultPlan({1: fault})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(emulator.webhook + "crm.deal.list")
    assert refused.value.headers["Retry-After"] == "7"
    refused.value.close()


def test_rights_are_checked(emulator: Emulator) -> None:
    emulator.portal.scopes.remove("telephony")
    assert call(emulator, "voximplant.statistic.get")[1]["error"] == "insufficient_scope"
    emulator.portal.scopes.add("telephony")
    emulator.portal.denied |= {"voximplant.statistic.get", "crm.deal.list"}
    assert call(emulator, "voximplant.statistic.get") == (
        403,
        {"error": "ACCESS_DENIED", "error_description": "Access denied!"},
    )
    assert call(emulator, "crm.deal.list")[1]["error_description"] == "Access denied."
    emulator.portal.absent.add("crm.lead.list")
    assert call(emulator, "crm.lead.list")[0] == 404
    emulator.refusal = "expired_token"
    assert call(emulator, "crm.deal.list")[0] == 401
    emulator.refusal = None
    wrong = emulator.webhook.replace(emulator.secret, "wrong")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(wrong + "crm.deal.list")


def test_requests_above_the_rate_are_refused_until_the_bucket_leaks() -> None:
    with Emulator(plain_portal(), limits=Limits(per_second=20, at_once=3)) as emulator:
        statuses = [call(emulator, "crm.currency.list")[0] for _ in range(8)]
        assert statuses[:3] == [200, 200, 200]
        assert statuses[-1] == 503
        time.sleep(0.5)
        assert call(emulator, "crm.currency.list")[0] == 200


def test_a_method_that_used_up_its_time_is_blocked_and_the_others_are_not() -> None:
    limits = Limits(operating=0.1, window=0.5, cost=0.06)
    with Emulator(plain_portal(), limits=limits) as emulator:
        answers = [call(emulator, "crm.deal.list") for _ in range(3)]
        assert [status for status, _ in answers] == [200, 200, 429]
        assert answers[2][1]["error"] == "OPERATION_TIME_LIMIT"
        told = answers[1][1]["time"]
        assert told["operating"] == 0.12
        assert 0 < told["operating_reset_at"] - told["finish"] <= 2
        assert call(emulator, "crm.currency.list")[0] == 200
        time.sleep(0.6)
        assert call(emulator, "crm.deal.list")[0] == 200


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "cut"])
def test_connections_break_and_the_next_one_works(emulator: Emulator, kind: str) -> None:
    emulator.faults = FaultPlan({1: Fault(kind)})
    with pytest.raises((OSError, http.client.HTTPException)):
        call(emulator, "crm.deal.list")
    assert len(emulator.requests) == (0 if kind == "reset_before" else 1)
    assert call(emulator, "crm.deal.list")[0] == 200


def test_answers_that_are_no_json(emulator: Emulator) -> None:
    emulator.faults = FaultPlan(
        {1: Fault("html", 200), 2: Fault("html", 502), 3: Fault("truncated")}
    )
    for status in (200, 502, 200):
        try:
            with urllib.request.urlopen(emulator.webhook + "crm.deal.list") as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            assert error.code == status
            body = error.read()
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)


def test_errors_pages_twice_and_a_revoked_webhook(emulator: Emulator) -> None:
    emulator.faults = FaultPlan(
        {
            1: Fault("error", code="QUERY_LIMIT_EXCEEDED"),
            3: Fault("repeat"),
            4: Fault("batch", 1, "OPERATION_TIME_LIMIT"),
            5: Fault("revoke"),
        }
    )
    assert call(emulator, "crm.deal.list")[0] == 503
    first = ids(call(emulator, "crm.deal.list"))
    again = ids(call(emulator, "crm.deal.list", start=50))
    assert again == [*first, *range(51, 101), *range(51, 58)]
    _, answer = call(emulator, "batch", cmd=["crm.deal.list"])
    assert answer["result"]["result_error"][0]["error"] == "OPERATION_TIME_LIMIT"
    assert [call(emulator, "crm.deal.list")[0] for _ in range(2)] == [401, 401]


def test_rows_change_while_somebody_loads_them(emulator: Emulator) -> None:
    portal = emulator.portal
    portal.clock.advance(days=1)
    created = portal.create("crm_deal", stage_id="NEW")
    portal.modify("crm_deal", 5, stage_id="LOSE")
    portal.delete("crm_deal", 7)
    changed = call(
        emulator, "crm.deal.list", filter={">=DATE_MODIFY": portal.stamp()}, select=["STAGE_ID"]
    )
    assert changed[1]["result"] == [
        {"ID": "5", "STAGE_ID": "LOSE"},
        {"ID": str(created), "STAGE_ID": "NEW"},
    ]
    assert ids(call(emulator, "crm.deal.list", filter={"ID": 7})) == []


def test_the_portal_writes_its_times_in_its_own_offset() -> None:
    portal = plain_portal(utc_offset=timedelta(hours=-5))
    assert portal.tables["crm_deal"].rows[1]["DATE_CREATE"] == "2025-03-01T02:00:00-05:00"
    assert portal.stamp().endswith("-05:00")


def test_a_seed_gives_the_same_faults_and_changes_again() -> None:
    def drawn(seed: int) -> tuple[list[Any], Any]:
        plan = RandomFaults(seed, 0.5, patience=2)
        faults = [tuple(plan.at(number)) for number in range(1, 400)]
        portal = plain_portal()
        people = People(portal, Random(seed))
        for _ in range(20):
            people.create()
            people.modify()
            people.delete()
        return faults, portal.tables

    faults, tables = drawn(7)
    assert (faults, tables) == drawn(7)
    assert (faults, tables) != drawn(8)
    failing = "".join("x" if any(f.fails for f in at) else "." for at in faults)
    assert "xx" in failing and "xxx" not in failing


def test_a_patient_client_gets_everything_whatever_goes_wrong() -> None:
    """Every schedule of passing faults can be survived, else no client could be judged by it."""
    for seed in range(20):
        plan = RandomFaults(seed, 0.5, changes=False, patience=3)
        with Emulator(plain_portal(), plan) as emulator:
            found: list[int] = []
            while len(found) % 50 == 0:
                found = sorted({*found, *_patiently(emulator, found[-1] if found else 0)})
            assert found == list(range(1, 121))


def _patiently(emulator: Emulator, last: int) -> list[int]:
    for _ in range(4):
        try:
            answer = call(
                emulator, "crm.deal.list", filter={">ID": last}, order={"ID": "ASC"}, start=-1
            )
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            continue
        if answer[0] == 200:
            return ids(answer)
    raise AssertionError("four requests in a row failed")
