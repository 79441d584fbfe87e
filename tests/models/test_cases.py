"""Small portals with right answers, which lie beside the project: the marts give these answers."""

import duckdb
import pytest

from harness import MARTS, case_of_files, compile_project, rows_of
from running import REPOSITORY, MiniProject

CASES = REPOSITORY.parent / "shared/cases"


def response_times(project, case):
    """The rows of all requests of the portal by year."""
    with project.variant("defaults").run(case) as connection:
        return next(
            row
            for row in rows_of(connection, f"{MARTS}.metric_response_time")
            if (row["period_grain"], row["segment_type"]) == ("year", "all")
        )


def case_named(name):
    if not CASES.is_dir():
        pytest.skip("the cases are not beside the project")
    case = case_of_files(CASES / name)
    for table, rows in case.portal.items():
        case.portal[table] = [
            {column.lower(): value for column, value in row.items()} for row in rows
        ]
    return case


def picked(row, *columns):
    return tuple(row[column] for column in columns)


def scorecard_of(folder, name, go_live):
    """The scorecard of a case by metric, with nothing set but the go-live."""
    compiled = compile_project(folder, {"crm_go_live_date": go_live}, wanted=("crm_scorecard",))
    with compiled.run(case_named(name)) as connection:
        return {row["metric_code"]: row for row in rows_of(connection, f"{MARTS}.crm_scorecard")}


def test_nobody_can_be_lost_before_the_data_are_old_enough(tmp_path):
    found = scorecard_of(tmp_path, "young-portal", "2025-07-01")
    assert {code for code, row in found.items() if row["status"] == "worse"} == set()
    assert {found[code]["status"] for code in ("retention", "churn")} == {"no_data"}


def test_a_portal_that_changed_from_leads_to_deals_converts_as_before(tmp_path):
    found = scorecard_of(tmp_path, "mode-switch", "2025-07-01")
    assert picked(found["conversion"], "before_value", "after_value") == (25, 25)
    assert {code for code, row in found.items() if row["status"] in ("better", "worse")} == set()


STATES = ("requests", "answered_requests", "unanswered_requests", "unknown_answers")


def test_ten_chats_are_ten_requests_and_nobody_says_whether_they_were_answered(project):
    found = response_times(project, case_named("chat"))
    assert picked(found, *STATES) == (10, 0, 0, 10)
    assert picked(found, "requests_judged_sla", "avg_response_minutes") == (0, None)


def test_chats_are_answered_as_their_state_says(project):
    case = case_named("chat")
    for number, activity in enumerate(case.portal["crm_activity"]):
        activity["result_status"] = "1" if number < 7 else "2"
    found = response_times(project, case)
    assert picked(found, *STATES) == (10, 7, 3, 0)
    assert picked(found, "answered_without_time", "averaged_requests") == (7, 0)
    assert picked(found, "requests_judged_sla", "within_sla_pct") == (3, 0)


def test_chats_are_answered_when_their_messages_say(project):
    case = case_named("chat")
    messages = []
    for number, activity in enumerate(case.portal["crm_activity"]):
        activity["associated_entity_id"] = session = str(900 + number)
        at = activity["created"].partition("T")[0]
        for minute, kind in ((0, "client"), (20, "operator"))[: 2 if number < 7 else 1]:
            messages.append(
                {"id": str(len(messages) + 1), "session_id": session, "sender_id": "5",
                 "sender_kind": kind, "sent_at": f"{at}T11:{minute:02}:00+03:00"}
            )  # fmt: skip
    case.portal["openline_message"] = messages
    found = response_times(project, case)
    assert picked(found, *STATES) == (10, 7, 3, 0)
    assert picked(found, "averaged_requests", "avg_response_minutes") == (7, 20)


def test_a_lead_made_by_our_own_call_or_letter_is_no_request(project):
    found = response_times(project, case_named("outgoing-call-makes-lead"))
    assert picked(found, "requests", "answered_requests", "avg_response_minutes") == (1, 1, 0)


def test_the_day_before_a_holiday_is_an_hour_shorter(project):
    found = response_times(project, case_named("short-day"))
    assert picked(found, "requests", "avg_response_working_minutes") == (1, 60)


def test_words_for_nothing_are_no_channel(project):
    with project.variant("defaults").run(case_named("null-words")) as connection:
        won = {
            row["segment_id"]: row["closed_deals"]
            for row in rows_of(connection, f"{MARTS}.metric_conversion")
            if (row["period_grain"], row["segment_type"]) == ("year", "channel")
        }
        assert rows_of(connection, f"{MARTS}.rejected_rows") == []
    assert won == {"unknown": 6}


def test_a_seed_is_read_by_the_names_of_its_columns_whatever_their_order(mini: MiniProject):
    """The case seed-columns-reordered: a second run in the same warehouse is a first one."""
    assert mini.run("build").returncode == 0
    mini.rates.write_text(
        "base_currency,rate,valid_from,currency\nRUB,90.5,2025-02-01,EUR\n", "utf-8"
    )
    answer = mini.run("build")
    assert answer.returncode == 0, answer.stderr
    with duckdb.connect(mini.env["CRM_WAREHOUSE_DB"], read_only=True) as connection:
        found = connection.sql("select currency, base_currency, rate from marts.rates").fetchall()
    assert found == [("EUR", "RUB", 90.5)]
