"""Random small portals with the dirt of real ones, for comparing the marts with the oracle.

``random_case`` makes one from any ``random.Random``; ``cases`` gives the same to hypothesis, which
can shrink it. Times lie on a small grid, so that ties, exact month borders, gaps of exactly the
inactivity rule and answers after exactly five minutes really happen.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from oracle.context import DEFAULT_VARS, SEED_COLUMNS, add_months
from oracle.reading import COLUMNS, NEWEST_BY, REQUIRED, utc_of_local

Row = dict[str, Any]

# dbt bakes vars into compiled SQL, so portals choose among these few
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "berlin": {
        "reporting_timezone": "Europe/Berlin",
        "portal_timezone": "Europe/Berlin",
        "client_inactivity_days": 30,
        "response_sla_minutes": 5,
        "gross_margin_rate": 0.35,
        "crm_go_live_date": "2024-03-15",
        "custom_segments": {"campaign": {"table": "crm_lead", "column": "UTM_Source"}},
    },
    "deals": {
        "demand_entity": "deal",
        "base_currency": "EUR",
        "client_inactivity_days": 90,
        "custom_segments": {"campaign": {"table": "crm_deal", "column": "utm_source"}},
    },
    "as_of_month_end": {"as_of": "2024-07-01T00:00:00+03:00", "client_inactivity_days": 60},
    "as_of_before": {
        "as_of": "2024-05-15T13:00:00",
        "reporting_timezone": "Europe/Berlin",
        "portal_timezone": "America/New_York",
        "demand_entity": "lead",
        "chat_result_statuses": {"answered": [1, 3], "unanswered": []},
        "crm_go_live_date": "2024-02-01",
    },
}

SIZES = {
    # leads, deals, activities, clients
    "empty": (0, 0, 0, 0),
    "single": (1, 1, 2, 1),
    "tiny": (3, 4, 8, 2),
    "small": (10, 14, 40, 4),
    "medium": (40, 60, 150, 8),
}

DEAL_STAGES = ["NEW", "PREPARATION", "EXECUTING", "UC_WAIT", "WON", "LOSE", "APOLOGY", "UC_LOST"]
DEAL_SEMANTICS = {"WON": "S", "LOSE": "F", "APOLOGY": "F", "UC_LOST": "F"}
LEAD_STATUSES = ["NEW", "IN_PROCESS", "CONVERTED", "JUNK", "UC_SPAM", "UC_BAD"]
LEAD_SEMANTICS = {"CONVERTED": "S", "JUNK": "F", "UC_SPAM": "F", "UC_BAD": "F"}
SOURCES = ["WEB", "CALL", "EMAIL", "ADS", "ADS2", "PARTNER", "RC_GENERATOR"]
# what forms make of them: quotes, another case, a source that no dictionary has in two spellings
SPELLED_SOURCES = [*SOURCES, "Web", "'ads'", "«CALL»", "Form", "FORM"]
# members of a company's own segment, as people leave them
CAMPAIGNS = ["ads", " Mail\u00a0", "mail"]
SPELLED = {"P": "process", "S": "success", "F": "failure"}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass
class Case:
    """A portal with its seeds; ``variant`` names the vars."""

    portal: dict[str, list[Row]]
    seeds: dict[str, list[Row]]
    variant: str = "defaults"
    variables: dict[str, Any] = field(init=False)

    def __post_init__(self):
        """Look the vars up."""
        self.variables = VARIANTS[self.variant]


class _Maker:
    """One random portal in the making; rows hold typed values until they are rendered."""

    def __init__(self, rng: random.Random, variant: str, size: str, dirt: bool):
        self.rng = rng
        self.dirt = dirt
        self.leads_max, self.deals_max, self.activities_max, self.clients_max = SIZES[size]
        self.vars = DEFAULT_VARS | VARIANTS[variant]
        self.zone = ZoneInfo(self.vars["reporting_timezone"])
        self.portal_zone = ZoneInfo(self.vars["portal_timezone"])
        self.rows: dict[str, list[Row]] = {table: [] for table in COLUMNS}
        self.employees = ["11", "12", "13", "14"]
        self.bot = "14"
        first = self.pick([date(2023, 10, 1), date(2024, 1, 1), date(2024, 2, 1), date(2024, 6, 1)])
        months = self.pick([2, 5, 9, 15])
        borders = [
            utc_of_local(datetime(day.year, day.month, 1), self.zone)
            for day in (add_months(first, number) for number in range(months + 1))
        ]
        self.anchors = [
            *borders,
            *(border + 9 * HOUR + 3 * DAY for border in borders),
            datetime(2024, 2, 29, 6, tzinfo=UTC),
            utc_of_local(datetime(2024, 2, 29), self.zone),
            datetime(2024, 3, 31, 1, tzinfo=UTC),
            datetime(2024, 10, 27, 1, tzinfo=UTC),
        ]
        inactivity = timedelta(days=self.vars["client_inactivity_days"])
        sla = timedelta(minutes=self.vars["response_sla_minutes"])
        self.short_gaps = [
            timedelta(), timedelta(), SECOND, 4 * MINUTE, 5 * MINUTE - SECOND, 5 * MINUTE,
            30 * MINUTE, HOUR - SECOND, HOUR, sla, 9 * HOUR, DAY,
        ]  # fmt: skip
        self.long_gaps = [
            *self.short_gaps, 2 * DAY, 30 * DAY - SECOND, 30 * DAY, 31 * DAY, 90 * DAY,
            inactivity - SECOND, inactivity, inactivity + DAY, 200 * DAY,
        ]  # fmt: skip

    # -- drawing

    def pick(self, options):
        return options[self.rng.randint(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return self.rng.randint(1, 100) <= probability * 100

    def maybe(self, value, probability: float = 0.8):
        return value if self.chance(probability) else None

    def time(self) -> datetime:
        return self.pick(self.anchors) + self.pick(self.short_gaps)

    def short_after(self, at: datetime) -> datetime:
        return at + self.pick(self.short_gaps)

    def after(self, at: datetime) -> datetime:
        return at + self.pick(self.long_gaps)

    def changed(self, at: datetime) -> datetime:
        return self.short_after(at) if self.chance(0.9) else self.after(at)

    def add(self, table: str, **values) -> Row:
        row = dict.fromkeys(COLUMNS[table]) | values
        self.rows[table].append(row)
        return row

    # -- dictionaries

    def dictionaries(self) -> None:
        self.pipelines = self.pick([["0"], ["0", "9"], ["0", "1", "9"]])
        for number, pipeline in enumerate(self.pipelines):
            if self.chance(0.8):
                self.add(
                    "crm_category",
                    id=pipeline,
                    name=self.maybe(f"Pipeline {pipeline}"),
                    sort=Decimal(100 * number),
                    is_default=pipeline == "0",
                )
        number = 0
        entities = [("STATUS", "", LEAD_STATUSES, LEAD_SEMANTICS)]
        for pipeline in self.pipelines:
            entity = "DEAL_STAGE" if pipeline == "0" else f"DEAL_STAGE_{pipeline}"
            prefix = "" if pipeline == "0" else f"C{pipeline}:"
            entities.append((entity, prefix, DEAL_STAGES, DEAL_SEMANTICS))
        for entity, prefix, ids, semantics in entities:
            for place, status_id in enumerate(ids):
                number += 1
                if not status_id.startswith("UC_") and self.chance(0.15):
                    continue
                semantic = semantics.get(status_id)
                in_extra = self.chance(0.3)
                extra = None
                if in_extra:
                    word = "apology" if status_id == "APOLOGY" else SPELLED[semantic or "P"]
                    extra = f'{{"SEMANTICS": "{word}", "COLOR": "#fff"}}'
                self.add(
                    "crm_status",
                    id=str(number),
                    entity_id=entity,
                    status_id=prefix + status_id,
                    name=self.maybe(status_id.title()),
                    sort=Decimal(10 * (place + 1)),
                    semantics=None if in_extra else semantic or self.maybe("P", 0.2),
                    category_id=prefix[1:-1] or None,
                    extra=extra,
                )
        for source in SOURCES[:4]:
            number += 1
            self.add(
                "crm_status",
                id=str(number),
                entity_id="SOURCE",
                status_id=source,
                name=f"Source {source}",
                sort=Decimal(number),
            )
        for employee in self.employees:
            if self.chance(0.8):
                self.add(
                    "users",
                    id=employee,
                    active=True,
                    name=self.maybe("Anna"),
                    last_name=self.maybe(f"No{employee}"),
                    work_position="Sales",
                    uf_department="[1]",
                    user_type="bot" if employee == self.bot else self.maybe("employee"),
                )

    def currencies(self) -> None:
        self.base = self.vars["base_currency"] or "RUB"
        self.is_multi = bool(self.vars["base_currency"]) or self.chance(0.7)
        self.used_currencies = ["RUB", "USD", "EUR"] if self.is_multi else ["RUB"]
        if not self.is_multi and self.chance(0.7):
            return
        amounts = {
            "RUB": (Decimal(1), Decimal(self.pick([1, 1, 2]))),
            "USD": (Decimal("90.5"), Decimal(1)),
            "EUR": (Decimal("987.65"), Decimal(10)),
        }
        for currency in self.used_currencies:
            amount, count = amounts[currency]
            self.add(
                "crm_currency",
                currency=currency,
                amount=amount,
                amount_cnt=count,
                base=currency == "RUB",
            )

    # -- clients

    def clients(self) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        count = self.rng.randint(0, self.clients_max)
        self.companies = [str(number) for number in range(1, count // 2 + 1)]
        self.contacts = [str(number) for number in range(1, count + 1)]
        for company in self.companies:
            if self.chance(0.8):
                self.add(
                    "crm_company",
                    id=company,
                    date_create=long_ago,
                    date_modify=self.maybe(long_ago),
                )
        for contact in self.contacts:
            if self.chance(0.9):
                self.add(
                    "crm_contact",
                    id=contact,
                    company_id=self.maybe(self.pick(self.companies), 0.3)
                    if self.companies
                    else None,
                    date_create=long_ago,
                    date_modify=self.maybe(long_ago),
                )

    def client(self) -> Row:
        company = self.maybe(self.pick(self.companies), 0.4) if self.companies else None
        contact = self.maybe(self.pick(self.contacts), 0.7) if self.contacts else None
        return {"company_id": company, "contact_id": contact}

    # -- leads and deals

    def histories(
        self, table: str, stage_column: str, semantic_column: str, owner: str, steps: list[Row]
    ) -> None:
        """History rows, sometimes late, incomplete or absent."""
        mode = self.pick(["whole", "whole", "whole", "none", "late", "holes"])
        if mode == "none":
            return
        for index, step in enumerate(steps):
            if (mode == "late" and index < len(steps) / 2) or (
                mode == "holes" and self.chance(0.3)
            ):
                continue
            self.add(
                table,
                id=str(len(self.rows[table]) + 1),
                owner_id=owner,
                created_time=step["at"],
                type_id=self.pick(["1", "2", "3", "5"]),
                **{stage_column: step["stage"], semantic_column: step["semantic"]},
                **({"category_id": step["category"]} if "category" in step else {}),
            )

    def walk(self, start: datetime, stages: list[str], semantics: dict[str, str]) -> list[Row]:
        """A random walk through stages from ``start``; final ones are likely at its end."""
        at, steps = start, []
        length = self.rng.randint(1, 5)
        for index in range(length):
            if index == length - 1 and index and self.chance(0.7):
                success = [stage for stage in stages if semantics.get(stage) == "S"]
                failure = [stage for stage in stages if semantics.get(stage) == "F"]
                stage = self.pick(success if self.chance(0.55) else failure)
            else:
                stage = self.pick(stages[:4] if self.chance(0.8) else stages)
            own = semantics.get(stage, "P")
            steps.append({"at": at, "stage": stage, "semantic": self.maybe(own, 0.7)})
            at = self.after(at) if self.chance(0.5) else self.short_after(at)
        if len(steps) > 1 and self.chance(0.05):
            steps[-1]["semantic"] = self.pick(["P", "S", "F"])
        return steps

    def leads(self) -> None:
        count = 0 if self.chance(0.2) else self.rng.randint(1, max(self.leads_max, 1))
        self.lead_ids = []
        for number in range(1, min(count, self.leads_max) + 1):
            lead_id = str(number)
            self.lead_ids.append(lead_id)
            created_at = self.time()
            steps = self.walk(created_at, LEAD_STATUSES[:2] * 2 + LEAD_STATUSES, LEAD_SEMANTICS)
            last = steps[-1]
            self.histories(
                "crm_lead_status_history", "status_id", "status_semantic_id", lead_id, steps
            )
            self.add(
                "crm_lead",
                id=lead_id,
                status_id=last["stage"],
                date_create=created_at,
                status_semantic_id=last["semantic"],
                source_id=self.maybe(self.pick(SPELLED_SOURCES)),
                opportunity=self.maybe(Decimal("100.5"), 0.3),
                currency_id="RUB",
                **self.client(),
                assigned_by_id=self.maybe(self.pick(self.employees)),
                created_by_id="11",
                date_modify=self.maybe(self.changed(last["at"]), 0.7),
                date_closed=self.maybe(last["at"], 0.3),
                moved_time=self.maybe(last["at"], 0.7),
                is_return_customer=self.maybe(self.chance(0.5), 0.5),
                has_phone=self.maybe(self.chance(0.5), 0.5),
                has_email=self.maybe(self.chance(0.5), 0.5),
                utm_source=self.maybe(CAMPAIGNS[number % 3], 0.3),
            )

    def deals(self) -> None:
        self.deal_ids = []
        for number in range(1, self.rng.randint(0, self.deals_max) + 1):
            deal_id = str(number)
            self.deal_ids.append(deal_id)
            created_at = self.time()
            pipeline = self.pick(self.pipelines)
            steps = self.walk(created_at, DEAL_STAGES, DEAL_SEMANTICS)
            for index, step in enumerate(steps):
                if index and self.chance(0.05):
                    pipeline = self.pick(self.pipelines)
                step["category"] = self.maybe(pipeline, 0.9)
                if pipeline != "0":
                    step["stage"] = f"C{pipeline}:{step['stage']}"
            last = steps[-1]
            self.histories(
                "crm_deal_stage_history", "stage_id", "stage_semantic_id", deal_id, steps
            )
            if self.chance(0.05):
                last = last | {"stage": steps[0]["stage"], "semantic": steps[0]["semantic"]}
            lead_id = None
            if self.chance(0.6):
                lead_id = self.pick([*self.lead_ids, "99"])
            self.add(
                "crm_deal",
                id=deal_id,
                stage_id=last["stage"],
                date_create=created_at,
                category_id=self.maybe(pipeline, 0.9),
                stage_semantic_id=last["semantic"],
                opportunity=self.maybe(
                    Decimal(self.pick(["0", "100", "250.75", "19999.99", "3.33", "1000"])), 0.95
                ),
                currency_id=self.maybe(self.pick(self.used_currencies), 0.9),
                **self.client(),
                lead_id=lead_id,
                source_id=self.maybe(self.pick(SPELLED_SOURCES)),
                assigned_by_id=self.maybe(self.pick(self.employees), 0.9),
                created_by_id="12",
                type_id="SALE",
                begindate=created_at,
                closedate=self.maybe(self.after(last["at"]), 0.7),
                date_modify=self.maybe(self.changed(last["at"]), 0.7),
                moved_time=self.maybe(last["at"], 0.7),
                closed=last["semantic"] in ("S", "F"),
                is_recurring=self.maybe(False, 0.7),
                is_return_customer=self.maybe(self.chance(0.5), 0.5),
                is_repeated_approach=self.maybe(self.chance(0.5), 0.5),
                utm_source=self.maybe(CAMPAIGNS[number % 3], 0.3),
            )

    # -- activities, calls, tasks

    def owner(self) -> tuple[str, str, datetime | None]:
        """Owner type and id, and a time near which to act."""
        kind = self.pick(["1", "1", "2", "2", "3", "4"])
        if kind == "1" and self.lead_ids:
            row = self.pick(self.rows["crm_lead"])
        elif kind == "2" and self.deal_ids:
            row = self.pick(self.rows["crm_deal"])
        elif kind == "3" and self.contacts:
            return "3", self.pick(self.contacts), None
        elif kind == "4" and self.companies:
            return "4", self.pick(self.companies), None
        else:
            return kind, "98", None
        return kind, row["id"], row["date_create"]

    def activities(self) -> None:
        if self.chance(0.15):
            return
        calls = 0
        for number in range(1, self.rng.randint(0, self.activities_max) + 1):
            owner_type_id, owner_id, near = self.owner()
            if self.rows["crm_activity"] and self.chance(0.5):
                other = self.pick(self.rows["crm_activity"])
                owner_type_id, owner_id = other["owner_type_id"], other["owner_id"]
                near = other["start_time"] or other["created"]
            at = self.short_after(near) if near else self.time()
            type_id, provider = self.pick(
                [
                    ("2", "VOXIMPLANT_CALL"),
                    ("2", "VOXIMPLANT_CALL"),
                    ("4", "CRM_EMAIL"),
                    ("6", "CRM_WEBFORM"),
                    ("6", "IMOPENLINES_SESSION"),
                    ("6", "CRM_SMS"),
                    ("6", "CRM_TODO"),
                    ("1", "CRM_MEETING"),
                    ("3", "CRM_TASKS_TASK"),
                ]
            )
            is_plain = provider in ("CRM_TODO", "CRM_MEETING", "CRM_TASKS_TASK")
            direction = self.pick(["0", None] if is_plain else ["1", "1", "1", "2", "2", "0", None])
            activity_id = str(number)
            chat: Row = {}
            if provider == "IMOPENLINES_SESSION":
                # now and then two activities name one session, which no portal should do
                chat = {
                    "result_status": self.pick([None, "0", "1", "1", "2", "2", "3"]),
                    "associated_entity_id": self.maybe(str(500 + self.pick([number, number, 1]))),
                    "result_source_id": self.maybe(self.pick(["telegrambot", "Livechat"])),
                }
                if chat["associated_entity_id"] and self.chance(0.6):
                    self.messages(chat["associated_entity_id"], at)
            self.add(
                "crm_activity",
                id=activity_id,
                owner_id=owner_id,
                owner_type_id=owner_type_id,
                created=at if self.chance(0.7) else self.short_after(at),
                type_id=type_id,
                provider_id=provider,
                direction=direction,
                start_time=self.maybe(at),
                end_time=self.maybe(at, 0.3),
                deadline=self.maybe(at + 300 * DAY, 0.2),
                last_updated=self.maybe(self.short_after(at), 0.6),
                completed=self.maybe(self.chance(0.75), 0.9),
                responsible_id=self.maybe(self.pick(self.employees)),
                author_id=self.pick(["0", None, *self.employees]),
                is_incoming_channel=self.maybe(self.chance(0.5), 0.4)
                if provider == "IMOPENLINES_SESSION"
                else self.maybe(False, 0.3),
                **chat,
            )
            if type_id != "2" or self.chance(0.3):
                continue
            for _ in range(self.pick([1, 1, 1, 2])):
                calls += 1
                self.add(
                    "telephony_call",
                    id=str(calls),
                    call_start_date=at if self.chance(0.7) else self.short_after(at),
                    call_type={"1": "2", "2": "1"}.get(direction, "2"),
                    call_duration=Decimal(self.pick([0, 0, 30, 75])),
                    call_failed_code=self.pick(["200", "200", "304", "603-S", None]),
                    portal_user_id=self.maybe(self.pick(self.employees)),
                    crm_entity_type=self.pick(["LEAD", "DEAL", "CONTACT", "COMPANY"]),
                    crm_entity_id=owner_id,
                    crm_activity_id=self.maybe(activity_id, 0.9),
                )

    def messages(self, session_id: str, at: datetime) -> None:
        """What is said in a chat: people, bots and the system, not always after its beginning."""
        for _ in range(self.rng.randint(1, 6)):
            kind, sender = self.pick(
                [
                    ("client", "501"), ("client", "501"), ("client", None),
                    ("operator", "11"), ("operator", "12"), ("operator", self.bot),
                    ("Operator", None), ("bot", "90"), ("system", "0"), (None, "77"),
                    ("guest", "78"),
                ]
            )  # fmt: skip
            self.add(
                "openline_message",
                id=str(len(self.rows["openline_message"]) + 1),
                session_id=session_id,
                sent_at=at,
                sender_id=sender,
                sender_kind=kind,
            )
            at = self.short_after(at) if self.chance(0.9) else self.time()

    def tasks(self) -> None:
        for number in range(1, self.rng.randint(0, 3) + 1):
            at = self.time()
            self.add(
                "tasks",
                id=str(number),
                status=self.pick(["2", "3", "5"]),
                created_date=self.maybe(at, 0.9),
                closed_date=self.maybe(self.after(at), 0.4),
                deadline=self.maybe(at + 400 * DAY, 0.5),
                responsible_id=self.maybe(self.pick(self.employees)),
                created_by="11",
                uf_crm_task=self.maybe('["D_1"]', 0.5),
            )

    def last_minute(self) -> None:
        """Requests so close to the newest change that it is too early to judge them."""
        times = [
            row[column]
            for table in (
                "crm_deal",
                "crm_lead",
                "crm_deal_stage_history",
                "crm_activity",
                "openline_message",
            )
            for row in self.rows[table]
            for column, kind in COLUMNS[table].items()
            if kind == "time"
            and column not in ("closedate", "deadline", "end_time")
            and row[column]
        ]
        for activity in self.rows["crm_activity"][-2:]:
            at = max(times) - self.pick(self.short_gaps)
            activity |= {
                "created": at,
                "start_time": None,
                "last_updated": None,
                "direction": self.pick(["1", "1", "2"]),
            }

    # -- as a loader delivers it

    def time_text(self, at: datetime) -> str:
        local = at.astimezone(self.portal_zone).replace(tzinfo=None)
        is_clear = utc_of_local(local, self.portal_zone) == at
        style = self.rng.randint(0, 9)
        if style == 0 and is_clear:
            return local.isoformat(sep=self.pick(["T", " "]))
        if style == 1 and is_clear and local.time().isoformat() == "00:00:00":
            return local.date().isoformat()
        if style == 2:
            return at.replace(tzinfo=None).isoformat() + "Z"
        if style == 3:
            return at.isoformat(sep=" ")
        return at.astimezone(self.portal_zone).isoformat()

    def text(self, kind: str, value: Any) -> Any:
        if value is None:
            empty = [None, None, ""]
            if kind == "link":
                empty += ["0", "0"]
            elif kind == "time":
                empty += ["0000-00-00 00:00:00"]
            else:
                empty += ["null"]
            return self.pick(empty)
        if kind in ("id", "link"):
            return self.pick([value] * 8 + [f"{value}.0", f" {value} "])
        if kind == "time":
            return self.time_text(value)
        if kind == "flag":
            return self.pick([("N", "Y"), ("N", "Y"), ("0", "1"), ("false", "true"), ("n", "y")])[
                value
            ]
        if kind == "semantic":
            return self.pick([value, value, value.lower(), SPELLED[value]])
        if kind == "code":
            return value if self.chance(0.9) else value.lower()
        if kind == "number":
            return str(value)
        return value if self.chance(0.95) else f" {value} "

    def native(self, kind: str, value: Any, is_aware: bool) -> Any:
        if value is None:
            return None
        if kind in ("id", "link"):
            return int(value)
        if kind == "time":
            local = value.astimezone(self.portal_zone).replace(tzinfo=None)
            is_clear = utc_of_local(local, self.portal_zone) == value
            return value if is_aware or not is_clear else local
        return value

    def render(self) -> dict[str, list[Row]]:
        """Text mostly; some columns hold native values from top to bottom."""
        portal: dict[str, list[Row]] = {}
        self.native_columns = set()
        for table, rows in self.rows.items():
            rendered: list[Row] = [{} for _ in rows]
            for column, kind in COLUMNS[table].items():
                is_native = kind in ("id", "link", "number", "flag", "time") and self.chance(0.07)
                # a column has one type: aware, as soon as one value needs it
                is_aware = kind == "time" and (
                    self.chance(0.5)
                    or any(
                        row[column]
                        and utc_of_local(
                            row[column].astimezone(self.portal_zone).replace(tzinfo=None),
                            self.portal_zone,
                        )
                        != row[column]
                        for row in rows
                    )
                )
                if is_native:
                    self.native_columns.add((table, column))
                for target, row in zip(rendered, rows, strict=True):
                    target[column] = (
                        self.native(kind, row[column], is_aware)
                        if is_native
                        else self.text(kind, row[column])
                    )
            portal[table] = rendered
        return portal

    # -- dirt

    def duplicate(self, table: str, row: Row) -> Row:
        """The same row again: older, newer, or of the same time with one other value."""
        again = dict(row)
        changed_at = NEWEST_BY.get(table)
        mode = self.pick(["same", "other time", "other value", "other value"])
        if mode == "other time" and changed_at and (table, changed_at) not in self.native_columns:
            again[changed_at] = self.time_text(self.time())
        column, values = {
            "crm_deal": ("assigned_by_id", ["11", "12"]),
            "crm_lead": ("assigned_by_id", ["11", "12"]),
            "crm_activity": ("responsible_id", ["11", "12"]),
            "crm_contact": ("company_id", ["1", "2"]),
            "telephony_call": ("portal_user_id", ["11", "12"]),
            "users": ("last_name", ["Jones", "Smith"]),
            "crm_status": ("name", ["First", "Other"]),
        }.get(table, (None, []))
        if mode != "same" and column and (table, column) not in self.native_columns:
            row[column], again[column] = self.pick([values, values[::-1]])
        return again

    def spoil(self, table: str, row: Row) -> None:
        """One value that makes staging reject the row."""
        columns = [c for c in COLUMNS[table] if (table, c) not in self.native_columns]
        mode = self.pick(["missing", "unreadable", "unreadable", "rule"])
        required = [column for column in REQUIRED[table] if column in columns]
        if mode == "missing" and required:
            row[self.pick(required)] = self.pick([None, "", "  ", "null"])
        elif mode == "unreadable":
            bad = {
                "id": ["abc", "1.5", "12x"],
                "link": ["abc", "-"],
                "number": ["n/a", "12,5"],
                "flag": ["maybe", "2"],
                "time": [
                    "yesterday",
                    "2024-02-30T10:00:00+03:00",
                    "31.12.2024",
                    "2024-13-01",
                    "1994-12-31T23:59:59+03:00",
                    "1900-01-05",
                    "0001-01-01 00:00:00",
                ],
            }
            spoilable = [column for column in columns if COLUMNS[table][column] in bad]
            if spoilable:
                column = self.pick(spoilable)
                row[column] = self.pick(bad[COLUMNS[table][column]])
        elif table == "crm_deal" and "is_recurring" in columns:
            row["is_recurring"] = self.pick(["Y", "1", "true"])
        elif table == "crm_activity" and "owner_type_id" in columns:
            row["owner_type_id"] = self.pick(["5", "31", "0"])

    def make_dirty(self, portal: dict[str, list[Row]]) -> None:
        for table, rows in portal.items():
            if table == "crm_currency":
                continue
            for row in list(rows):
                if self.chance(0.06):
                    rows.append(self.duplicate(table, row))
                # a stage without its dictionary row would only make the portal poorer
                if self.chance(0.04) and table != "crm_status":
                    self.spoil(table, row)
            if self.chance(0.2):
                self.rng.shuffle(rows)

    def without_tables(self, portal: dict[str, list[Row]]) -> None:
        optional = [
            "crm_lead", "crm_contact", "crm_company", "crm_deal_stage_history",
            "crm_lead_status_history", "crm_activity", "openline_message", "telephony_call",
            "crm_category", "users", "tasks", "departments",
        ]  # fmt: skip
        for table in optional:
            if self.chance(0.04):
                del portal[table]

    # -- seeds

    def seeds(self) -> dict[str, list[Row]]:
        first = min(self.anchors).date()
        days = [first + timedelta(days=number) for number in (0, 1, 14, 29, 31, 60, 120, 366)]
        seeds: dict[str, list[Row]] = {
            name: [] for name in SEED_COLUMNS if name != "metric_catalog"
        }
        channels = {
            "WEB": ("site", "Site", "form"),
            "CALL": ("phone", "Phone", "call"),
            "EMAIL": ("mail", None, "email"),
            "ADS": ("ads", "Ads", None),
            "ADS2": ("ads", "Ads", "chat"),
        }
        for source, (channel, name, request_channel) in channels.items():
            if self.chance(0.7):
                seeds["channels"].append(
                    {
                        "source_id": source,
                        "channel_id": channel,
                        "channel_name": name,
                        "request_channel": request_channel,
                    }
                )
        currencies = [self.base, None]
        if not self.is_multi:
            currencies = [None]
        elif self.chance(0.5):
            currencies += ["USD", "RUB", "EUR"]
        for number in range(self.rng.randint(0, 5)):
            start = self.pick(days)
            seeds["costs"].append(
                {
                    "cost_id": str(number + 1),
                    "cost_type": self.pick(["marketing", "marketing", "crm", "salary", "other"]),
                    "channel": self.pick([None, "site", "ads", "PARTNER", "billboard"]),
                    "date_from": start,
                    "date_to": start + timedelta(days=self.pick([0, 2, 6, 30, 365])),
                    "amount": Decimal(self.pick(["100", "1000.01", "7", "99999.99"])),
                    "currency": self.pick(currencies),
                }
            )
        for number in range(self.rng.randint(0, 4)):
            seeds["business_processes"].append(
                {
                    "process_id": str(number + 1),
                    "name": f"Process {number + 1}",
                    "category": self.pick(
                        ["task_creation", "client_mailings", "client_mailings", "other"]
                    ),
                    "exists_from": self.maybe(self.pick(days), 0.6),
                    "exists_to": self.maybe(self.pick(days) + timedelta(days=366), 0.3),
                    "automated_from": self.maybe(self.pick(days), 0.6),
                    "automated_to": self.maybe(self.pick(days) + timedelta(days=366), 0.2),
                }
            )
        for entity, stage, is_organisational in (
            ("deal", "LOSE", self.chance(0.5)),
            ("deal", "C9:LOSE", self.chance(0.5)),
            ("deal", "UC_LOST", True),
            ("deal", "APOLOGY", False),
            ("lead", "JUNK", self.chance(0.5)),
            ("lead", "UC_BAD", True),
        ):
            if self.chance(0.8):
                seeds["loss_reasons"].append(
                    {
                        "entity_type": entity,
                        "stage_id": stage,
                        "loss_reason_id": "slow" if is_organisational else "price",
                        "loss_reason_name": "Slow answer" if is_organisational else "Price",
                        "is_organisational": is_organisational,
                    }
                )
        for status, outcome in (
            ("UC_SPAM", "excluded"),
            ("UC_BAD", self.pick(["junk", "open", "converted"])),
        ):
            if self.chance(0.8):
                seeds["lead_outcomes"].append({"status_id": status, "outcome": outcome})
        if self.is_multi and self.chance(0.6):
            for currency in self.used_currencies:
                for day in days[: self.rng.randint(0, 3)]:
                    if currency != self.base:
                        rate = Decimal(self.pick(["90.1234", "1.5", "0.01", "97"]))
                        seeds["exchange_rates"].append(
                            {
                                "currency": currency,
                                "base_currency": self.base if self.chance(0.8) else "GBP",
                                "valid_from": day,
                                "rate": rate,
                            }
                        )
        week = self.pick(
            [
                [(weekday, "09:00", "18:00") for weekday in range(1, 6)],
                [(weekday, "00:00", "24:00") for weekday in range(1, 8)],
                [
                    *((weekday, "09:00", "13:00") for weekday in range(1, 7)),
                    *((weekday, "14:00", "18:30") for weekday in range(1, 6)),
                    (7, "01:30", "03:30"),
                ],
            ]
        )
        seeds["working_hours"] = [
            {"weekday": weekday, "start_time": start, "end_time": end}
            for weekday, start, end in week
        ]
        holidays = {date(2024, 1, 1): None, date(2024, 2, 29): None, date(2024, 6, 1): 5}
        holidays |= {day: self.pick([None, 1, 7]) for day in days[1:4]}
        seeds["holidays"] = [
            {
                "holiday_date": day,
                "name": "Day",
                "works_as_weekday": works,
                "shortened_by_minutes": self.pick([None, None, 60, 300]),
            }
            for day, works in holidays.items()
            if self.chance(0.7)
        ]
        return seeds

    def case(self, variant: str) -> Case:
        self.dictionaries()
        self.currencies()
        self.clients()
        self.leads()
        self.deals()
        self.activities()
        self.tasks()
        if self.chance(0.5):
            self.last_minute()
        portal = self.render()
        if self.dirt:
            self.make_dirty(portal)
            self.without_tables(portal)
        return Case(portal, self.seeds(), variant)


def random_case(
    rng: random.Random,
    variant: str | None = None,
    size: str | None = None,
    dirt: bool | None = None,
) -> Case:
    """One random portal with seeds; what is not given is chosen at random too."""
    variant = variant or rng.choice(list(VARIANTS))
    size = size or rng.choice(["empty", "single", "tiny", "tiny", "small", "small", "medium"])
    dirt = rng.random() < 0.7 if dirt is None else dirt
    return _Maker(rng, variant, size, dirt).case(variant)


def seeded_case(seed: int, **options) -> Case:
    """The same portal for the same seed."""
    return random_case(random.Random(seed), **options)


def cases(variant: str | None = None, sizes: tuple[str, ...] = ("single", "tiny")):
    """Hypothesis strategy of small portals that shrink."""

    def build(rng: random.Random, chosen: str, size: str) -> Case:
        return random_case(rng, chosen, size)

    return st.builds(
        build,
        st.randoms(use_true_random=False),
        st.just(variant) if variant else st.sampled_from(list(VARIANTS)),
        st.sampled_from(sizes),
    )
