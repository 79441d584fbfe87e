"""Deals, leads, their channels and clients, units of demand."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from .context import Run
from .reading import SEMANTICS, without_strays

UNKNOWN = "unknown"
_PREFIX = re.compile(r"^C(\d+):")
_BY_ID = {
    "WON": "S",
    "LOSE": "F",
    "APOLOGY": "F",
    "CONVERTED": "S",
    "JUNK": "F",
}


@dataclass(frozen=True)
class Step:
    """One known row of a stage or status history."""

    at: datetime
    number: int
    pipeline_id: str
    stage_id: str
    semantic: str


@dataclass
class Deal:
    id: str
    created_at: datetime
    pipeline_id: str
    lead_id: str | None
    source_id: str | None
    channel_id: str
    employee_id: str
    client_id: str | None
    stage_id: str | None
    semantic: str
    won_at: datetime | None
    lost_at: datetime | None
    lost_from_stage_id: str
    amount: Decimal
    steps: list[Step]
    first_contact_at: datetime | None = None
    client_history: str = "new"
    custom: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return int(self.id)

    @property
    def client_type(self) -> str:
        return client_type_of(self.client_id)

    @property
    def thread_id(self) -> str:
        return f"lead_{self.lead_id}" if self.lead_id else f"deal_{self.id}"

    @property
    def closed_at(self) -> datetime | None:
        return self.won_at or self.lost_at

    @cached_property
    def segments(self) -> dict[str, str]:
        return {
            "all": "all",
            "channel": self.channel_id,
            "pipeline": self.pipeline_id,
            "employee": self.employee_id,
            "client_type": self.client_type,
            "client_history": self.client_history,
            **self.custom,
        }


@dataclass
class Lead:
    id: str
    created_at: datetime
    source_id: str | None
    channel_id: str
    employee_id: str
    status_id: str | None
    outcome: str
    client_id: str | None
    deals: list[Deal] = field(default_factory=list)
    client_history: str = "new"
    custom: dict[str, str] = field(default_factory=dict)

    @cached_property
    def segments(self) -> dict[str, str]:
        return {
            "all": "all",
            "channel": self.channel_id,
            "employee": self.employee_id,
            "client_history": self.client_history,
            **self.custom,
        }


@dataclass
class Unit:
    """A unit of demand: a lead that is not excluded, or a deal."""

    number: int
    created_at: datetime
    thread_id: str
    source_id: str | None
    channel_id: str
    employee_id: str
    won_at: datetime | None
    is_converted: bool
    is_junk: bool
    is_lost: bool
    loss: tuple[str, str | None]
    client_history: str
    custom: dict[str, str]
    is_lost_for_organisational_reasons: bool = False

    @cached_property
    def segments(self) -> dict[str, str]:
        return {
            "all": "all",
            "channel": self.channel_id,
            "employee": self.employee_id,
            "client_history": self.client_history,
            **self.custom,
        }


def client_type_of(client_id: str | None) -> str:
    if client_id is None:
        return UNKNOWN
    return "company" if client_id.startswith("company_") else "person"


class Crm:
    """Deals, leads and units as they are known at ``as_of``."""

    def __init__(self, run: Run):
        self.run = run
        self._statuses = {
            (row["entity_id"], row["status_id"].upper()): row for row in run.staged["crm_status"]
        }
        self.leads = self._leads()
        self.deals = self._deals()
        for deal in self.deals:
            if deal.lead_id in self.leads_by_id:
                self.leads_by_id[deal.lead_id].deals.append(deal)
        self._judge_histories_of_clients()
        self.deals_by_id = {deal.id: deal for deal in self.deals}
        self.demand_entity = run.vars["demand_entity"]
        if self.demand_entity == "auto":
            self.demand_entity = self._demand_of_its_own()
        self.units = {
            "lead": self._lead_units,
            "deal": self._deal_units,
            "both": lambda: self._lead_units() + self._deal_units(self.deals_without_lead),
        }[self.demand_entity]()

    def _judge_histories_of_clients(self) -> None:
        """Who came back: had won a deal by the instant at which the demand came."""
        wins: dict[str, list[datetime]] = {}
        for deal in self.deals:
            if deal.won_at and deal.client_id:
                wins.setdefault(deal.client_id, []).append(deal.won_at)

        def of(client_ids: set[str | None], came_at: datetime) -> str:
            had_bought = any(
                won_at < came_at
                for client in client_ids - {None}
                for won_at in wins.get(client, [])
            )
            return "returning" if had_bought else "new"

        for lead in self.leads:
            clients = {lead.client_id, *(deal.client_id for deal in lead.deals)}
            lead.client_history = of(clients, lead.created_at)
        for deal in self.deals:
            lead = self.leads_by_id.get(deal.lead_id)
            deal.client_history = of({deal.client_id}, (lead or deal).created_at)

    # -- dictionaries

    def status(self, pipeline_id: str | None, stage_id: str) -> dict[str, Any] | None:
        """Dictionary row of a deal stage (pipeline given) or of a lead status (None)."""
        entity = (
            "STATUS"
            if pipeline_id is None
            else "DEAL_STAGE"
            if pipeline_id == "0"
            else f"DEAL_STAGE_{pipeline_id}"
        )
        return self._statuses.get((entity, stage_id))

    def semantic(self, own: str | None, pipeline_id: str | None, stage_id: str) -> str:
        if own:
            return own
        row = self.status(pipeline_id, stage_id)
        if row:
            if row["semantics"]:
                return row["semantics"]
            if row["extra"]:
                extra = json.loads(row["extra"]).get("SEMANTICS")
                if extra and str(extra).upper() in SEMANTICS:
                    return SEMANTICS[str(extra).upper()]
        return _BY_ID.get(_PREFIX.sub("", stage_id), "P")

    @staticmethod
    def pipeline(category_id: str | None, stage_id: str) -> str:
        if category_id is not None:
            return category_id
        prefix = _PREFIX.match(stage_id)
        return str(int(prefix.group(1))) if prefix else "0"

    @cached_property
    def _channel_of_source(self) -> dict[str, str]:
        """Channel of each source that is mapped, spelled by the dictionary, or merely used."""
        spelled = sorted(filter(None, self.sources), reverse=True)
        spelled += sorted(
            (
                row["status_id"]
                for row in self.run.staged["crm_status"]
                if row["entity_id"] == "SOURCE"
            ),
            reverse=True,
        )
        own = {source_id.upper(): source_id for source_id in spelled}
        mapped = {row["source_id"].upper(): row["channel_id"] for row in self.run.seeds["channels"]}
        return own | mapped

    @cached_property
    def sources(self) -> set[str | None]:
        """Sources of all known leads and deals, as they are delivered."""
        return {
            row["source_id"]
            for table in ("crm_lead", "crm_deal")
            for row in self.run.known(table, "date_create")
        }

    def channel(self, source_id: str | None) -> str:
        if source_id is None:
            return UNKNOWN
        return self._channel_of_source[source_id.upper()]

    # -- histories

    def _histories(self, table: str, stage_column: str) -> dict[str, list[Step]]:
        histories: dict[str, list[Step]] = {}
        for row in self.run.known(table, "created_time"):
            stage_id = row[stage_column]
            if table == "crm_deal_stage_history":
                pipeline_id = self.pipeline(row["category_id"], stage_id)
                semantic = self.semantic(row["stage_semantic_id"], pipeline_id, stage_id)
            else:
                pipeline_id = ""
                semantic = self.semantic(row["status_semantic_id"], None, stage_id)
            step = Step(row["created_time"], int(row["id"]), pipeline_id, stage_id, semantic)
            histories.setdefault(row["owner_id"], []).append(step)
        for steps in histories.values():
            steps.sort(key=lambda step: (step.at, step.number))
        return histories

    def _owners_moved_later(self, table: str) -> set[str]:
        return {
            row["owner_id"]
            for row in self.run.staged[table]
            if not self.run.is_known(row["created_time"])
        }

    def _is_own_state(self, row: dict[str, Any], moved_later: set[str]) -> bool:
        """Whether the row's own stage is the one of ``as_of``."""
        moved_at = row["moved_time"]
        return row["id"] not in moved_later and (moved_at is None or self.run.is_known(moved_at))

    # -- leads

    def _leads(self) -> list[Lead]:
        run = self.run
        histories = self._histories("crm_lead_status_history", "status_id")
        moved_later = self._owners_moved_later("crm_lead_status_history")
        outcomes = {row["status_id"]: row["outcome"] for row in run.seeds["lead_outcomes"]}
        leads = []
        for row in run.known("crm_lead", "date_create"):
            steps = histories.get(row["id"], [])
            if self._is_own_state(row, moved_later):
                status_id = row["status_id"]
                semantic = self.semantic(row["status_semantic_id"], None, status_id)
            elif steps:
                status_id, semantic = steps[-1].stage_id, steps[-1].semantic
            else:
                status_id, semantic = None, "P"
            leads.append(
                Lead(
                    id=row["id"],
                    created_at=row["date_create"],
                    source_id=row["source_id"],
                    channel_id=self.channel(row["source_id"]),
                    employee_id=row["assigned_by_id"] or UNKNOWN,
                    status_id=status_id,
                    outcome=outcomes.get(status_id)
                    or {"S": "converted", "F": "junk", "P": "open"}[semantic],
                    client_id=self.client_of(row["company_id"], row["contact_id"]),
                    custom=self._custom("crm_lead", row),
                )
            )
        self.leads_by_id = {lead.id: lead for lead in leads}
        return leads

    # -- deals

    @cached_property
    def company_of_contact(self) -> dict[str, str | None]:
        return {row["id"]: row["company_id"] for row in self.run.staged["crm_contact"]}

    def client_of(self, company_id: str | None, contact_id: str | None) -> str | None:
        company_id = company_id or self.company_of_contact.get(contact_id)
        if company_id:
            return f"company_{company_id}"
        return f"contact_{contact_id}" if contact_id else None

    def _deals(self) -> list[Deal]:
        histories = self._histories("crm_deal_stage_history", "stage_id")
        moved_later = self._owners_moved_later("crm_deal_stage_history")
        return [
            self._deal(row, histories.get(row["id"], []), self._is_own_state(row, moved_later))
            for row in self.run.known("crm_deal", "date_create")
        ]

    def _deal(self, row: dict[str, Any], steps: list[Step], is_own_state: bool) -> Deal:
        run = self.run
        pipeline_id = self.pipeline(row["category_id"], row["stage_id"])
        if is_own_state:
            stage_id = row["stage_id"]
            semantic = self.semantic(row["stage_semantic_id"], pipeline_id, stage_id)
        elif steps:
            stage_id, semantic = steps[-1].stage_id, steps[-1].semantic
        else:
            stage_id, semantic = None, "P"

        closed_at = None
        lost_from_stage_id = UNKNOWN
        if semantic in "SF":
            first = len(steps)
            while first and steps[first - 1].semantic == semantic:
                first -= 1
            if first < len(steps):
                closed_at = steps[first].at
            else:
                closed_at = next(
                    row[column]
                    for column in ("moved_time", "closedate", "date_modify", "date_create")
                    if run.is_known(row[column])
                )
            in_progress = [step for step in steps[:first] if step.semantic == "P"]
            if semantic == "F" and in_progress:
                lost_from_stage_id = in_progress[-1].stage_id

        lead = self.leads_by_id.get(row["lead_id"])
        # the channel is that of the lead it came from; a request starts by its own source
        lead_source_id = lead.source_id if lead else None
        return Deal(
            id=row["id"],
            created_at=row["date_create"],
            pipeline_id=pipeline_id,
            lead_id=row["lead_id"],
            source_id=row["source_id"],
            channel_id=self.channel(lead_source_id or row["source_id"]),
            employee_id=row["assigned_by_id"] or UNKNOWN,
            client_id=self.client_of(row["company_id"], row["contact_id"]),
            stage_id=stage_id,
            semantic=semantic,
            won_at=closed_at if semantic == "S" else None,
            lost_at=closed_at if semantic == "F" else None,
            lost_from_stage_id=lost_from_stage_id,
            amount=run.in_base(
                row["opportunity"], row["currency_id"], run.local_date(closed_at or run.as_of)
            ),
            steps=steps,
            custom=self._custom("crm_deal", row)
            | (lead.custom if lead else self._custom("crm_lead", {})),
        )

    def _custom(self, table: str, row: dict[str, Any]) -> dict[str, str]:
        """Members of the company's own segment types that are columns of a table."""
        return {
            name: row.get(segment["column"].lower()) or UNKNOWN
            for name, segment in self.run.vars["custom_segments"].items()
            if segment["table"] == table
        }

    # -- units of demand

    @cached_property
    def deals_without_lead(self) -> list[Deal]:
        """Deals of no lead that is known: nobody else counts them."""
        return [deal for deal in self.deals if deal.lead_id not in self.leads_by_id]

    def _demand_of_its_own(self) -> str:
        """Leads, deals where there are no leads, both where the portal changed between them.

        It changed when deals without a lead were made in several months before the first lead,
        or after the last one; a lead portal has such deals too, but not for months on end.
        """
        created = [
            row[column]
            for table, column in (
                ("crm_lead", "date_create"),
                ("crm_deal", "date_create"),
                ("crm_activity", "created"),
                ("crm_deal_stage_history", "created_time"),
                ("crm_lead_status_history", "created_time"),
            )
            for row in self.run.known(table, column)
        ]
        beginning = min(without_strays(created, is_newest=False), default=None)

        def months(things: Sequence[Deal | Lead]) -> set[tuple[int, int]]:
            """Neither a lead nor a deal of a mistyped year makes an era."""
            days = [
                self.run.local_date(thing.created_at)
                for thing in things
                if thing.created_at >= beginning
            ]
            return {(day.year, day.month) for day in days}

        with_leads, with_deals = months(self.leads), months(self.deals_without_lead)
        if not with_leads:
            return "deal"
        before = sum(found < min(with_leads) for found in with_deals)
        after = sum(found > max(with_leads) for found in with_deals)
        enough = int(self.run.vars["min_comparison_months"])
        return "both" if max(before, after) >= enough else "lead"

    def _lead_units(self) -> list[Unit]:
        units = []
        for lead in self.leads:
            if lead.outcome == "excluded":
                continue
            won = [deal.won_at for deal in lead.deals if deal.won_at]
            lost = [deal for deal in lead.deals if deal.lost_at]
            is_lost = (
                not won
                and all(deal.semantic != "P" for deal in lead.deals)
                and (lead.outcome == "junk" or bool(lost))
            )
            loss = ("lead", lead.status_id)
            if lost:
                loss = ("deal", max(lost, key=lambda deal: (deal.lost_at, deal.number)).stage_id)
            units.append(
                Unit(
                    number=int(lead.id),
                    created_at=lead.created_at,
                    thread_id=f"lead_{lead.id}",
                    source_id=lead.source_id,
                    channel_id=lead.channel_id,
                    employee_id=lead.employee_id,
                    won_at=min(won, default=None),
                    is_converted=lead.outcome == "converted" or bool(lead.deals),
                    is_junk=lead.outcome == "junk",
                    is_lost=is_lost,
                    loss=loss,
                    client_history=lead.client_history,
                    custom=lead.custom,
                )
            )
        return units

    def _deal_units(self, deals: list[Deal] | None = None) -> list[Unit]:
        return [
            Unit(
                number=deal.number,
                created_at=deal.created_at,
                thread_id=deal.thread_id,
                source_id=deal.source_id,
                channel_id=deal.channel_id,
                employee_id=deal.employee_id,
                won_at=deal.won_at,
                is_converted=deal.won_at is not None,
                is_junk=deal.lost_at is not None,
                is_lost=deal.lost_at is not None,
                loss=("deal", deal.stage_id),
                client_history=deal.client_history,
                custom=deal.custom,
            )
            for deal in (self.deals if deals is None else deals)
        ]

    @cached_property
    def loss_reasons(self) -> dict[tuple[str, str | None], dict[str, Any]]:
        return {
            (row["entity_type"], row["stage_id"]): row for row in self.run.seeds["loss_reasons"]
        }

    def is_organisational(self, loss: tuple[str, str | None]) -> bool:
        return bool(self.loss_reasons.get(loss, {}).get("is_organisational"))

    # -- the first month with data

    def first_event_at(self, activity_times: list[datetime]) -> datetime | None:
        run = self.run
        rows = [
            row[column]
            for table, column in (
                ("crm_lead", "date_create"),
                ("crm_deal", "date_create"),
                ("crm_deal_stage_history", "created_time"),
                ("crm_lead_status_history", "created_time"),
                ("telephony_call", "call_start_date"),
                ("tasks", "created_date"),
            )
            for row in run.known(table, column)
        ]
        # without a history a deal can be closed on a day before it was entered
        closed = [at for deal in self.deals for at in (deal.won_at, deal.lost_at) if at]
        return min(without_strays(rows + activity_times + closed, is_newest=False), default=None)
