"""A healthy portal raises no finding, and each fault planted in it raises its own finding only."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from bitrix24_effectiveness.demo import GO_LIVE
from harness import REPOSITORY, Compiled, compile_project, rows_of, seed_rows
from oracle.reading import COLUMNS
from portals import Case
from running import Built

Row = dict[str, Any]
# the rows that a fault was planted in: what each is, and its id
Planted = set[tuple[str, str]]

AS_OF = datetime(2026, 6, 15, 12)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST_OF_WINDOW = datetime(2025, 7, 1, 10)

with (REPOSITORY / "seeds/finding_catalog.csv").open(encoding="utf-8", newline="") as lines:
    CATALOG = {row["finding_code"]: row for row in csv.DictReader(lines)}
METRICS = [row["metric_code"] for row in seed_rows(REPOSITORY / "seeds", "metric_catalog")]


def text(at: datetime) -> str:
    return at.isoformat() + "+03:00"


class Portal:
    """A small company that uses its CRM as it should, since long before its go-live."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self.seeds: dict[str, list[Row]] = {
            "channels": [
                self.channel("CALL", "phone", "call"),
                self.channel("EMAIL", "email", "email"),
                self.channel("WEB", "website", "form"),
                self.channel("PARTNER", "partners", None),
            ],
            "costs": [
                {
                    "cost_id": "1",
                    "cost_type": "crm",
                    "channel": None,
                    "date_from": "2025-01-01",
                    "date_to": "2026-12-31",
                    "amount": "120000",
                    "currency": "RUB",
                }
            ],
            "business_processes": [self.process("1"), self.process("2")],
            "loss_reasons": [
                self.loss_reason("UC_PRICE", "price"),
                self.loss_reason("C1:UC_PRICE", "price"),
                self.loss_reason("LOSE", "other"),
            ],
            "lead_outcomes": [{"status_id": "UC_9A1B2C", "outcome": "excluded"}],
            "manual_baseline": [],
            "exchange_rates": [],
            "goals": [
                {
                    "metric_code": "conversion",
                    "target_value": None,
                    "target_change_pct": "20",
                    "target_date": "2026-12-31",
                }
            ],
        }
        self.dictionaries()
        for month in range(1, 5):
            self.deal(datetime(2025, month, 10, 10), pipeline="0", employee="11")
        for number in range(12):
            self.thread(number)
        for number, employee in enumerate(("11", "12")):
            # the newest deals are still at work
            deal = self.deal(AS_OF - 10 * DAY, pipeline=str(number), employee=employee, end=None)
            self.activity("2", deal, AS_OF, "4", "2", employee)
            self.task(AS_OF - 40 * DAY, AS_OF + 20 * DAY, None, employee)

    # -- rows

    def add(self, table: str, **values: Any) -> Row:
        row = {"id": str(len(self.rows[table]) + 1)} | {
            name: text(value) if isinstance(value, datetime) else value
            for name, value in values.items()
        }
        self.rows[table].append(row)
        return row

    @staticmethod
    def channel(source: str, channel: str, request_channel: str | None) -> Row:
        return {
            "source_id": source,
            "channel_id": channel,
            "channel_name": channel.title(),
            "request_channel": request_channel,
        }

    @staticmethod
    def process(process_id: str) -> Row:
        return {
            "process_id": process_id,
            "name": f"Process {process_id}",
            "category": "other",
            "exists_from": None,
            "exists_to": None,
            "automated_from": "2025-05-01",
            "automated_to": None,
        }

    @staticmethod
    def loss_reason(stage: str, reason: str) -> Row:
        return {
            "entity_type": "deal",
            "stage_id": stage,
            "loss_reason_id": reason,
            "loss_reason_name": reason.title(),
            "is_organisational": False,
        }

    def status(self, entity: str, status: str, name: str, semantics: str | None = None) -> Row:
        place = str(10 * len(self.rows["crm_status"]))
        return self.add(
            "crm_status",
            entity_id=entity,
            status_id=status,
            name=name,
            sort=place,
            semantics=semantics,
        )

    def dictionaries(self) -> None:
        for status, name, semantics in (
            ("NEW", "New", None),
            ("IN_PROCESS", "In process", None),
            ("CONVERTED", "Converted", "S"),
            ("JUNK", "Junk", "F"),
            # the id of a portal's own status says nothing; its name does
            ("UC_9A1B2C", "Дубль", "F"),
        ):
            self.status("STATUS", status, name, semantics)
        for entity, prefix in (("DEAL_STAGE", ""), ("DEAL_STAGE_1", "C1:")):
            for status, semantics in (
                ("NEW", None),
                ("PREPARATION", None),
                ("EXECUTING", None),
                ("WON", "S"),
                ("UC_PRICE", "F"),
                ("LOSE", "F"),
            ):
                self.status(entity, prefix + status, status.title(), semantics)
        for pipeline in ("0", "1"):
            self.add("crm_category", id=pipeline, name=f"Pipeline {pipeline}")
        self.add("crm_currency", currency="RUB", amount="1", amount_cnt="1", base="Y")
        for employee, is_active in (("11", "Y"), ("12", "Y"), ("13", "N")):
            self.user(employee, is_active)

    def user(self, employee: str, is_active: str = "Y") -> None:
        self.add(
            "users",
            id=employee,
            active=is_active,
            last_name=f"No{employee}",
            user_type="employee",
        )

    def client(self) -> Row:
        company = self.add("crm_company", has_phone="Y", has_email="N")["id"]
        contact = self.add("crm_contact", company_id=company, has_phone="N", has_email="Y")["id"]
        return {"company_id": company, "contact_id": contact}

    def lead(
        self, at: datetime, source: str, steps: list[str], employee: str = "11", **values: Any
    ) -> str:
        """A lead that takes a step a day, the first at its creation."""
        moved_at = at + (len(steps) - 1) * DAY
        lead = self.add(
            "crm_lead",
            status_id=steps[-1],
            date_create=at,
            source_id=source,
            assigned_by_id=employee,
            moved_time=moved_at,
            date_modify=moved_at,
            **values,
        )["id"]
        for number, status in enumerate(steps):
            self.add(
                "crm_lead_status_history",
                owner_id=lead,
                created_time=at + number * DAY,
                status_id=status,
            )
        return lead

    def deal(
        self,
        at: datetime,
        pipeline: str = "0",
        employee: str = "11",
        end: str | None = "WON",
        step: timedelta = 3 * DAY,
        is_worked: bool = True,
        **values: Any,
    ) -> str:
        """A deal that goes through all stages, one each `step`; without an end it is open."""
        prefix = "" if pipeline == "0" else f"C{pipeline}:"
        stages = [prefix + stage for stage in ("NEW", "PREPARATION", "EXECUTING", end) if stage]
        moved_at = at + (len(stages) - 1) * step
        deal = self.add(
            "crm_deal",
            **{
                "stage_id": stages[-1],
                "category_id": pipeline,
                "date_create": at,
                "opportunity": "1000",
                "currency_id": "RUB",
                # demand by itself in the months without leads
                "source_id": "PARTNER",
                "assigned_by_id": employee,
                "moved_time": moved_at,
                "closedate": moved_at,
                "date_modify": moved_at,
                **(values if "company_id" in values else self.client() | values),
            },
        )["id"]
        for number, stage in enumerate(stages):
            self.add(
                "crm_deal_stage_history",
                owner_id=deal,
                created_time=at + number * step,
                category_id=pipeline,
                stage_id=stage,
            )
        if is_worked:
            self.activity("2", deal, at + HOUR, "4", "2", employee)
            self.task(at + HOUR, at + 2 * DAY, at + DAY, employee)
        return deal

    def activity(
        self, owner_type: str, owner: str, at: datetime, kind: str, direction: str, employee: str
    ) -> str:
        activity = self.add(
            "crm_activity",
            owner_type_id=owner_type,
            owner_id=owner,
            type_id=kind,
            direction=direction,
            created=at,
            start_time=at,
            last_updated=at,
            completed="Y",
            responsible_id=employee,
            author_id=employee,
        )["id"]
        if kind == "2":
            self.add(
                "telephony_call",
                call_start_date=at,
                call_type="2" if direction == "1" else "1",
                call_duration="60",
                call_failed_code="200",
                portal_user_id=employee,
                crm_activity_id=activity,
            )
        return activity

    def task(
        self, at: datetime, deadline: datetime, closed_at: datetime | None, employee: str
    ) -> str:
        return self.add(
            "tasks",
            status="5" if closed_at else "3",
            created_date=at,
            deadline=deadline,
            closed_date=closed_at,
            responsible_id=employee,
        )["id"]

    def thread(self, number: int) -> None:
        """A client who calls or writes, is answered, and buys two times out of three."""
        at = FIRST_OF_WINDOW + number * 28 * DAY
        employee = ("11", "12")[number % 2]
        source, kind = (("CALL", "2"), ("EMAIL", "4"))[number % 2]
        client = self.client()
        lead = self.lead(at, source, ["NEW", "CONVERTED"], employee, **client)
        self.activity("1", lead, at - MINUTE, kind, "1", employee)
        self.activity("1", lead, at + 5 * MINUTE, kind, "2", employee)
        self.deal(
            at + DAY,
            pipeline=str(number // 2 % 2),
            employee=employee,
            end="UC_PRICE" if number % 3 == 2 else "WON",
            lead_id=lead,
            source_id=source,
            **client,
        )

    # -- what plants look for

    def recent(self, table: str, column: str) -> list[Row]:
        return [row for row in self.rows[table] if row[column] >= text(FIRST_OF_WINDOW)]

    def deals(self, end: str) -> list[Row]:
        deals = self.recent("crm_deal", "date_create")
        return [deal for deal in deals if deal["stage_id"].endswith(end)]

    def history(self, deal: Row) -> list[Row]:
        rows = self.rows["crm_deal_stage_history"]
        return [row for row in rows if row["owner_id"] == deal["id"]]

    def case(self) -> Case:
        return Case(self.rows, self.seeds)


# -- faults, one for each finding and named like it; each tells the rows that it was planted in


def ids(entity_type: str, rows: list[Row]) -> Planted:
    return {(entity_type, row["id"]) for row in rows}


def deals_won_at_once(portal: Portal) -> Planted:
    for deal in portal.deals("WON"):
        created_at = datetime.fromisoformat(deal["date_create"]).replace(tzinfo=None)
        for number, row in enumerate(portal.history(deal)):
            row["created_time"] = text(created_at + number * 2 * MINUTE)
        for column in ("moved_time", "closedate", "date_modify"):
            deal[column] = text(created_at + 6 * MINUTE)
    return ids("deal", portal.deals("WON"))


def deals_backdated(portal: Portal) -> Planted:
    for deal in portal.deals("WON"):
        created_at = datetime.fromisoformat(deal["date_create"]).replace(tzinfo=None)
        deal["closedate"] = text(created_at - 10 * DAY)
    return ids("deal", portal.deals("WON"))


def deals_without_activity(portal: Portal) -> Planted:
    planted = set()
    for number in range(4):
        deal = portal.deal(AS_OF - (40 + number) * DAY, is_worked=False)
        planted.add(("deal", deal))
        # a robot's greeting is no work
        robot = portal.activity("2", deal, AS_OF - 39 * DAY, "4", "2", "11")
        portal.rows["crm_activity"][int(robot) - 1]["author_id"] = "0"
    return planted


def stages_skipped(portal: Portal) -> Planted:
    for deal in portal.deals("WON"):
        for row in portal.history(deal)[1:3]:
            portal.rows["crm_deal_stage_history"].remove(row)
    return ids("deal", portal.deals("WON"))


def won_deals_without_client(portal: Portal) -> Planted:
    for deal in portal.deals("WON")[:3]:
        deal |= {"company_id": "0", "contact_id": "0"}
    return ids("deal", portal.deals("WON")[:3])


def won_deals_without_amount(portal: Portal) -> Planted:
    for deal in portal.deals("WON")[:3]:
        deal["opportunity"] = "0.00"
    return ids("deal", portal.deals("WON")[:3])


def loss_reasons_missing(portal: Portal) -> Planted:
    deals = portal.deals("UC_PRICE")
    for deal in deals:
        # LOSE is `other` by the seed, C1:LOSE is not in it
        stage = deal["stage_id"].replace("UC_PRICE", "LOSE")
        deal["stage_id"] = portal.history(deal)[-1]["stage_id"] = stage
    return ids("deal", deals)


def deals_stuck(portal: Portal) -> Planted:
    return {("deal", portal.deal(AS_OF - (90 + number) * DAY, end=None)) for number in range(4)}


def deals_duplicate(portal: Portal) -> Planted:
    client = portal.client()
    return {("deal", portal.deal(AS_OF - 10 * DAY, end=None, **client)) for _ in range(2)}


def leads_not_moved(portal: Portal) -> Planted:
    return {
        ("lead", portal.lead(AS_OF - (20 + number) * DAY, "PARTNER", ["NEW"]))
        for number in range(4)
    }


def leads_duplicate(portal: Portal) -> Planted:
    return {
        ("lead", portal.lead(AS_OF - (20 + number) * DAY, "PARTNER", ["NEW", "UC_9A1B2C"]))
        for number in range(4)
    }


def sources_missing(portal: Portal) -> Planted:
    for lead in portal.rows["crm_lead"][:6]:
        lead["source_id"] = ""
    return ids("lead", portal.rows["crm_lead"][:6])


def channels_not_connected(portal: Portal) -> Planted:
    planted = set()
    for number in range(6):
        at = AS_OF - (20 + number) * DAY
        lead = portal.lead(at, "WEB", ["NEW", "JUNK"])
        portal.activity("1", lead, at + MINUTE, "4", "2", "11")
        planted.add(("lead", lead))
    return planted


def requests_unanswered(portal: Portal) -> Planted:
    planted = set()
    for deal in portal.deals("WON"):
        letter = portal.activity("2", deal["id"], AS_OF - 2 * DAY, "4", "1", deal["assigned_by_id"])
        planted.add(("request", f"activity_{letter}"))
    return planted


def calls_not_connected(portal: Portal) -> Planted:
    planted = {("activity", call["crm_activity_id"]) for call in portal.rows["telephony_call"]}
    for call in portal.rows["telephony_call"]:
        call["crm_activity_id"] = ""
    return planted


def clients_without_contact_data(portal: Portal) -> Planted:
    for table in ("crm_company", "crm_contact"):
        for card in portal.rows[table][-8:]:
            card |= {"has_phone": "N", "has_email": "N"}
    return {("client", f"company_{card['id']}") for card in portal.rows["crm_company"][-8:]}


def work_of_dismissed_employees(portal: Portal) -> Planted:
    deal = portal.deals("EXECUTING")[0]
    deal["assigned_by_id"] = "13"
    return {("deal", deal["id"])}


def employees_idle(portal: Portal) -> Planted:
    portal.user("14")
    portal.task(AS_OF - 60 * DAY, AS_OF + DAY, None, "14")
    return {("employee", "14")}


def tasks_overdue(portal: Portal) -> Planted:
    for task in portal.recent("tasks", "created_date")[:3]:
        task["closed_date"] = text(AS_OF - DAY)
    for task in portal.recent("tasks", "created_date")[3:6]:
        task |= {"closed_date": "", "status": "3"}
    return ids("task", portal.recent("tasks", "created_date")[:6])


def processes_not_automated(portal: Portal) -> Planted:
    portal.seeds["business_processes"][0]["automated_to"] = "2025-12-31"
    portal.seeds["business_processes"][1]["automated_from"] = None
    return {("process", "1"), ("process", "2")}


def pipelines_unused(portal: Portal) -> Planted:
    for pipeline in ("5", "7"):
        portal.add("crm_category", id=pipeline, name=f"Idea {pipeline}")
    return {("pipeline", "5"), ("pipeline", "7")}


def stages_unused(portal: Portal) -> Planted:
    for number in range(6):
        portal.status("DEAL_STAGE", f"UC_IDEA{number}", f"Idea {number}")
    return {("stage", f"UC_IDEA{number}") for number in range(6)}


def raw_table_missing(portal: Portal) -> Planted:
    portal.rows["crm_category"] = []
    return {("raw_table", "crm_category")}


def reference_data_missing(portal: Portal) -> Planted:
    portal.seeds["costs"] = []
    return {("seed", "costs")}


def baseline_missing(portal: Portal) -> Planted:
    for table, column in (
        ("crm_deal", "date_create"),
        ("crm_deal_stage_history", "created_time"),
        ("crm_activity", "created"),
        ("tasks", "created_date"),
    ):
        portal.rows[table] = portal.recent(table, column)
    return {("metric", code) for code in METRICS}


def goal_missing(portal: Portal) -> Planted:
    portal.seeds["goals"] = []
    return {("seed", "goals")}


FAULTS: dict[str, Callable[[Portal], Planted]] = {
    fault.__name__: fault
    for fault in (
        deals_won_at_once, deals_backdated, deals_without_activity, stages_skipped,
        won_deals_without_client, won_deals_without_amount, loss_reasons_missing, deals_stuck,
        deals_duplicate, leads_not_moved, leads_duplicate, sources_missing,
        channels_not_connected, requests_unanswered, calls_not_connected,
        clients_without_contact_data, work_of_dismissed_employees, employees_idle, tasks_overdue,
        processes_not_automated, pipelines_unused, stages_unused, raw_table_missing,
        reference_data_missing, baseline_missing, goal_missing,
    )
}  # fmt: skip


# -- running


@dataclass(frozen=True)
class Findings:
    """The compiled models of the findings."""

    compiled: Compiled

    def run(self, portal: Portal) -> duckdb.DuckDBPyConnection:
        return self.compiled.run(portal.case())

    def raised(self, portal: Portal) -> dict[str, Row]:
        with self.run(portal) as connection:
            return {
                row["finding_code"]: row
                for row in rows_of(connection, "warehouse.marts.crm_findings")
            }


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Findings]:
    folder = tmp_path_factory.mktemp("findings")
    wanted = ("crm_findings", "crm_finding_rows", "open_a_finding")
    contact_data = {"has_phone": "flag", "has_email": "flag"}
    with pytest.MonkeyPatch.context() as patch:
        # the oracle needs no contact data of clients
        for table in ("crm_contact", "crm_company"):
            patch.setitem(COLUMNS, table, COLUMNS[table] | contact_data)
        compiled = compile_project(folder, {"crm_go_live_date": GO_LIVE}, wanted=wanted)
        yield Findings(compiled)


def test_a_healthy_portal_has_no_finding(findings: Findings) -> None:
    assert findings.raised(Portal()) == {}


def test_every_finding_of_the_healthy_portal_is_judged(findings: Findings) -> None:
    with findings.run(Portal()) as connection:
        evidence = rows_of(connection, "warehouse.intermediate.int_finding_evidence")
    assert {row["finding_code"] for row in evidence} == set(CATALOG)
    assert [row["finding_code"] for row in evidence if not row["evidence_base"]] == []


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_raises_its_finding_and_no_other(findings: Findings, code: str) -> None:
    portal = Portal()
    planted = FAULTS[code](portal)
    with findings.run(portal) as connection:
        raised = rows_of(connection, "warehouse.marts.crm_findings")
        listed = rows_of(connection, "warehouse.marts.crm_finding_rows")
    assert [row["finding_code"] for row in raised] == [code]
    row, catalog = raised[0], CATALOG[code]
    assert row["evidence_share_pct"] == 100 * row["evidence_count"] / row["evidence_base"]
    assert row["evidence_share_pct"] > row["threshold_pct"]
    assert row["what"] == catalog["what_en"]
    assert {name: row[name] for name in catalog if name != "what_en"} == {
        name: value for name, value in catalog.items() if name != "what_en"
    }
    # the rows behind it are those that it was planted in, each once
    assert {(row["entity_type"], row["entity_id"]) for row in listed} == planted
    assert {row["finding_code"] for row in listed} == {code}
    assert len(listed) == len(planted) == row["evidence_count"]


def test_a_row_behind_a_finding_says_whose_it_is_where_when_and_how_much(
    findings: Findings,
) -> None:
    portal = Portal()
    deal = portal.deals("WON")[0]
    won_deals_without_client(portal)
    with findings.run(portal) as connection:
        rows = rows_of(connection, "warehouse.marts.crm_finding_rows")
    (row,) = [row for row in rows if row["entity_id"] == deal["id"]]
    won_at = datetime.fromisoformat(deal["moved_time"]).astimezone(UTC).replace(tzinfo=None)
    assert row == {
        "finding_row_key": f"won_deals_without_client|deal|{deal['id']}",
        "finding_code": "won_deals_without_client",
        "entity_type": "deal",
        "entity_id": deal["id"],
        "entity_name": None,
        "employee_id": deal["assigned_by_id"],
        "pipeline_id": deal["category_id"],
        "happened_at": won_at,
        "amount": Decimal(1000),
        "note": deal["stage_id"],
    }


def test_a_finding_below_its_threshold_lists_nobody(findings: Findings) -> None:
    portal = Portal()
    portal.lead(AS_OF - 20 * DAY, "PARTNER", ["NEW"])
    with findings.run(portal) as connection:
        evidence = rows_of(connection, "warehouse.intermediate.int_finding_evidence")
        listed = rows_of(connection, "warehouse.marts.crm_finding_rows")
    assert [row["finding_code"] for row in evidence if row["evidence_count"]] == ["leads_not_moved"]
    assert listed == []


def test_the_query_that_opens_a_finding_names_employees_and_pipelines(findings: Findings) -> None:
    portal = Portal()
    tasks_overdue(portal)
    with findings.run(portal) as connection:
        tasks = rows_of(connection, f"({findings.compiled.analyses['open_a_finding']})")
    assert len(tasks) == 6
    assert {task["finding"] for task in tasks} == {CATALOG["tasks_overdue"]["name_en"]}
    assert {task["employee_name"] for task in tasks} == {"No11", "No12"}


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        (employees_idle, "No14"),
        (pipelines_unused, "Idea 5, Idea 7"),
        (processes_not_automated, "Process 1, Process 2"),
        (raw_table_missing, "crm_category"),
        (reference_data_missing, "costs"),
        (goal_missing, "goals"),
    ],
)
def test_details_name_what_is_wrong(findings: Findings, fault: Callable, details: str) -> None:
    portal = Portal()
    fault(portal)
    assert findings.raised(portal)[fault.__name__]["details"] == details


def writes(portal: Portal) -> None:
    portal.activity("2", portal.rows["crm_deal"][-1]["id"], AS_OF - DAY, "4", "2", "14")


def calls(portal: Portal) -> None:
    portal.activity("2", portal.rows["crm_deal"][-1]["id"], AS_OF - DAY, "2", "2", "14")
    portal.rows["crm_activity"][-1] |= {"author_id": "11", "responsible_id": "11"}


def finishes_a_task(portal: Portal) -> None:
    portal.task(AS_OF - 9 * DAY, AS_OF, AS_OF - DAY, "14")


def moves_a_deal(portal: Portal) -> None:
    deal = portal.deal(AS_OF - 10 * DAY, end=None, employee="14", is_worked=False)
    portal.activity("2", deal, AS_OF - 9 * DAY, "4", "2", "11")


def moves_a_lead(portal: Portal) -> None:
    portal.lead(AS_OF - 5 * DAY, "PARTNER", ["NEW", "JUNK"], "14")


@pytest.mark.parametrize("act", [writes, calls, finishes_a_task, moves_a_deal, moves_a_lead])
def test_whoever_does_anything_is_not_idle(findings: Findings, act: Callable) -> None:
    portal = Portal()
    employees_idle(portal)
    act(portal)
    assert findings.raised(portal) == {}


def test_a_deal_won_before_its_creation_is_back_dated_and_not_won_at_once(
    findings: Findings,
) -> None:
    portal = Portal()
    for deal in portal.deals("WON"):
        created_at = datetime.fromisoformat(deal["date_create"]).replace(tzinfo=None)
        for number, row in enumerate(portal.history(deal)):
            row["created_time"] = text(created_at - (9 - 2 * number) * DAY)
    assert list(findings.raised(portal)) == ["deals_backdated"]


def test_one_form_shows_that_the_site_is_connected(findings: Findings) -> None:
    portal = Portal()
    channels_not_connected(portal)
    lead = portal.rows["crm_lead"][-1]["id"]
    portal.activity("1", lead, AS_OF - 25 * DAY, "6", "1", "11")
    portal.rows["crm_activity"][-1]["provider_id"] = "CRM_WEBFORM"
    assert findings.raised(portal) == {}


@pytest.mark.parametrize("table", ["tasks", "users", "crm_company", "crm_contact"])
def test_an_absent_table_is_named_and_blames_nobody(findings: Findings, table: str) -> None:
    portal = Portal()
    portal.rows[table] = []
    raised = findings.raised(portal)
    assert list(raised) == ["raw_table_missing"]
    assert raised["raw_table_missing"]["details"] == table


def test_without_histories_deals_and_leads_are_judged_by_their_own_times(
    findings: Findings,
) -> None:
    portal = Portal()
    leads_not_moved(portal)
    deals_stuck(portal)
    for table in ("crm_deal_stage_history", "crm_lead_status_history"):
        portal.rows[table] = []
    raised = findings.raised(portal)
    assert sorted(raised) == ["deals_stuck", "leads_not_moved", "raw_table_missing"]
    assert raised["leads_not_moved"]["evidence_count"] == 4
    assert raised["deals_stuck"]["evidence_count"] == 4


def test_without_activities_nobody_is_said_to_be_idle(findings: Findings) -> None:
    portal = Portal()
    portal.rows["crm_activity"] = []
    raised = findings.raised(portal)
    assert list(raised) == ["raw_table_missing"]
    assert raised["raw_table_missing"]["details"] == "crm_activity"


def test_a_portal_without_leads_misses_none(findings: Findings) -> None:
    portal = Portal()
    for table in ("crm_lead", "crm_lead_status_history"):
        portal.rows[table] = []
    assert findings.raised(portal) == {}


def test_what_was_done_before_go_live_is_not_held_against_anyone(findings: Findings) -> None:
    portal = Portal()
    for deal in portal.rows["crm_deal"]:
        if deal["date_create"] < "2025-05-01":
            deal |= {"company_id": "0", "contact_id": "0", "opportunity": "0"}
    assert findings.raised(portal) == {}


def test_a_baseline_measured_by_hand_is_a_baseline(findings: Findings) -> None:
    portal = Portal()
    baseline_missing(portal)
    portal.seeds["manual_baseline"] = [
        {
            "metric_code": code,
            "value": "1",
            "sample_size": "10",
            "std_dev": None,
            "period_start": None,
            "period_end": None,
            "note": None,
        }
        for code in ("conversion", "response_time", "retention", "churn", "cac")
    ]
    assert findings.raised(portal) == {}


def test_an_empty_portal_misses_its_data_and_nothing_else(findings: Findings) -> None:
    portal = Portal()
    portal.rows = {table: [] for table in COLUMNS}
    assert sorted(findings.raised(portal)) == ["baseline_missing", "raw_table_missing"]


def test_the_demo_portal_has_the_findings_that_its_habits_raise(demo_portal: Built) -> None:
    truth = json.loads(
        Path(demo_portal.env["CRM_RAW_DB"]).with_suffix(".truth.json").read_text("utf-8")
    )
    with duckdb.connect(str(demo_portal.project.marts_db), read_only=True) as connection:
        found = connection.execute("select finding_code from marts.crm_findings").fetchall()
        callers = connection.execute(
            "select employee_id from marts.crm_finding_rows "
            "where finding_code = 'calls_not_connected' "
            "group by employee_id order by count(*) desc limit 2"
        ).fetchall()
    raised = {code for (code,) in found}
    # what follows from them may be enough for a finding of its own
    assert raised - {"requests_unanswered", "stages_skipped"} == set(truth["habits"])
    assert sorted(employee for (employee,) in callers) == ["11", "12"]


# -- the catalog


def test_each_finding_has_a_fault_and_a_threshold() -> None:
    thresholds = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text("utf-8"))["vars"][
        "finding_thresholds"
    ]
    assert set(CATALOG) == set(FAULTS) == set(thresholds)


def test_the_catalog_covers_the_causes_and_remedies_of_the_article() -> None:
    assert {row["cause"] for row in CATALOG.values()} >= {
        "no_clear_goal",
        "self_implementation",
        "integrator_mistakes",
        "no_training",
        "everything_at_once",
    }
    assert {row["recommended_action"] for row in CATALOG.values()} == {
        "audit",
        "training",
        "integration",
        "configuration",
        "staged_rollout",
    }
