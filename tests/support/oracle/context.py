"""What all metrics share: vars, seeds, the instant of the run, periods, working time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from .arithmetic import DAY, money
from .reading import (
    COLUMNS,
    MICROSECOND,
    newest_change,
    read_time,
    read_value,
    stage_table,
    text_of,
    utc_of_local,
)

DEFAULT_VARS: dict[str, Any] = {
    "as_of": "",
    "reporting_timezone": "Europe/Moscow",
    "portal_timezone": "Europe/Moscow",
    "base_currency": "",
    "demand_entity": "auto",
    "history_start_date": "",
    "client_inactivity_days": 180,
    "response_sla_minutes": 60,
    "chat_result_statuses": {"answered": [1], "unanswered": [2]},
    "response_horizon_days": 30,
    "min_sample_size": 5,
    "min_comparison_months": 3,
    "gross_margin_rate": 1.0,
    "custom_segments": {},
}

SEED_COLUMNS: dict[str, dict[str, str]] = {
    "channels": {
        "source_id": "text",
        "channel_id": "text",
        "channel_name": "text",
        "request_channel": "text",
    },
    "costs": {
        "cost_id": "text",
        "cost_type": "text",
        "channel": "text",
        "date_from": "day",
        "date_to": "day",
        "amount": "number",
        "currency": "text",
    },
    "business_processes": {
        "process_id": "text",
        "name": "text",
        "category": "text",
        "exists_from": "day",
        "exists_to": "day",
        "automated_from": "day",
        "automated_to": "day",
    },
    "loss_reasons": {
        "entity_type": "text",
        "stage_id": "text",
        "loss_reason_id": "text",
        "loss_reason_name": "text",
        "is_organisational": "flag",
    },
    "lead_outcomes": {"status_id": "text", "outcome": "text"},
    "exchange_rates": {
        "currency": "text",
        "base_currency": "text",
        "valid_from": "day",
        "rate": "number",
    },
    "working_hours": {"weekday": "number", "start_time": "text", "end_time": "text"},
    "holidays": {
        "holiday_date": "day",
        "name": "text",
        "works_as_weekday": "number",
        "shortened_by_minutes": "number",
    },
    "metric_catalog": {"metric_code": "text", "unit": "text"},
}


class MissingRateError(ValueError):
    """No rate of a currency on a date."""


@dataclass(frozen=True)
class Period:
    """One month, quarter or year of the reporting time zone; instants are UTC."""

    grain: str
    start: date
    end: date
    start_at: datetime
    end_at: datetime
    cutoff_at: datetime
    trailing_start_at: datetime
    is_complete: bool

    @property
    def keys(self) -> dict[str, Any]:
        return {
            "period_grain": self.grain,
            "period_start": self.start,
            "period_end": self.end,
            "is_complete": self.is_complete,
        }


Fact = TypeVar("Fact")


class Facts(Generic[Fact]):
    """Things with a time and segments, to be taken by segment and interval [start, end)."""

    def __init__(self, facts: Iterable[Fact], at: Callable[[Fact], datetime | None]):
        self._by_segment: dict[tuple[str, Hashable], tuple[list[datetime], list[Fact]]] = {}
        timed = [(at(fact), fact) for fact in facts]
        for when, fact in sorted(
            ((when, fact) for when, fact in timed if when is not None), key=lambda pair: pair[0]
        ):
            for segment in fact.segments.items():
                times, members = self._by_segment.setdefault(segment, ([], []))
                times.append(when)
                members.append(fact)

    def within(self, segment: tuple[str, str], start: datetime | None, end: datetime) -> list[Fact]:
        """The segment's facts from ``start`` (None: from ever) to before ``end``."""
        times, members = self._by_segment.get(segment, ([], []))
        first = 0 if start is None else bisect_right(times, start - MICROSECOND)
        return members[first : bisect_right(times, end - MICROSECOND)]


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the month's last one."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for day_of_month in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, day_of_month)
        except ValueError:
            continue
    raise AssertionError


def period_start_of(grain: str, day: date) -> date:
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[grain]
    return date(day.year, month, 1)


GRAIN_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass
class Run:
    """A portal, its seeds and vars, read once."""

    portal: dict[str, list[dict[str, Any]]]
    seed_rows: dict[str, list[dict[str, Any]]]
    given_vars: dict[str, Any]
    staged: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    rejected: list[tuple[str, str | None, str]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self):
        """Stage the tables, read the seeds, find ``as_of``."""
        self.vars = DEFAULT_VARS | self.given_vars
        self.zone = ZoneInfo(self.vars["reporting_timezone"])
        self.portal_zone = ZoneInfo(self.vars["portal_timezone"])
        self.inactivity = timedelta(days=int(self.vars["client_inactivity_days"]))
        self.sla = timedelta(minutes=int(self.vars["response_sla_minutes"]))
        self.response_horizon = DAY * int(self.vars["response_horizon_days"])
        self.min_sample_size = int(self.vars["min_sample_size"])
        margin = text_of(self.vars["gross_margin_rate"])
        # empty: lifetime value is revenue
        self.margin = 1.0 if margin is None else float(margin)
        for table in COLUMNS:
            rows, rejected, counts = stage_table(
                table, self.portal.get(table) or [], self.portal_zone
            )
            self.staged[table] = rows
            self.rejected += rejected
            self.counts[table] = counts
        self.seeds = {
            name: [
                {
                    column: read_value(row.get(column), kind, self.zone)
                    for column, kind in columns.items()
                }
                for row in self.seed_rows.get(name) or []
            ]
            for name, columns in SEED_COLUMNS.items()
        }
        given = text_of(self.vars["as_of"])
        self.as_of = read_time(given, self.portal_zone) if given else newest_change(self.staged)

    # -- time

    @cached_property
    def data_end(self) -> datetime:
        return self.as_of + MICROSECOND

    def is_known(self, at: datetime | None) -> bool:
        """Whether it had happened by ``as_of``."""
        return at is not None and self.as_of is not None and at < self.data_end

    def known(self, table: str, column: str) -> list[dict[str, Any]]:
        return [row for row in self.staged[table] if self.is_known(row[column])]

    def local_date(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    @cached_property
    def as_of_date(self) -> date:
        return self.local_date(self.as_of)

    def midnight(self, day: date) -> datetime:
        return utc_of_local(datetime.combine(day, time()), self.zone)

    def periods(self, first_event_at: datetime | None) -> list[Period]:
        """All periods from the month of the first event to the month of ``as_of``."""
        if first_event_at is None:
            return []
        first = self.local_date(first_event_at)
        found = []
        for grain, months in GRAIN_MONTHS.items():
            start = period_start_of(grain, first)
            while start <= self.as_of_date:
                following = add_months(start, months)
                end_at = self.midnight(following)
                cutoff_at = min(end_at, self.data_end)
                local = cutoff_at.astimezone(self.zone).replace(tzinfo=None)
                year_before = datetime.combine(add_months(local.date(), -12), local.time())
                found.append(
                    Period(
                        grain=grain,
                        start=start,
                        end=following - DAY,
                        start_at=self.midnight(start),
                        end_at=end_at,
                        cutoff_at=cutoff_at,
                        trailing_start_at=utc_of_local(year_before, self.zone),
                        is_complete=end_at <= self.as_of,
                    )
                )
                start = following
        return found

    # -- working time

    @cached_property
    def _working_intervals(self) -> tuple[list[datetime], list[datetime], list[timedelta]]:
        hours: dict[int, list[tuple[str, str]]] = {}
        for row in self.seeds["working_hours"]:
            hours.setdefault(int(row["weekday"]), []).append((row["start_time"], row["end_time"]))
        special = {row["holiday_date"]: row for row in self.seeds["holidays"]}

        def instant(day: date, clock: str) -> datetime:
            hour, minute = (int(part) for part in clock.split(":")[:2])
            if hour == 24:
                return self.midnight(day + DAY)
            return utc_of_local(datetime.combine(day, time(hour, minute)), self.zone)

        def minutes(clock: str) -> int:
            hour, minute = (int(part) for part in clock.split(":")[:2])
            return hour * 60 + minute

        def clock(minutes: int) -> str:
            return f"{minutes // 60}:{minutes % 60:02}"

        earliest = min(
            [
                row[column]
                for table, column in (
                    ("crm_activity", "created"),
                    ("crm_activity", "start_time"),
                    ("openline_message", "sent_at"),
                    ("telephony_call", "call_start_date"),
                    ("crm_lead", "date_create"),
                    ("crm_deal", "date_create"),
                )
                for row in self.known(table, column)
            ],
            default=self.as_of,
        )
        intervals = []
        day = self.local_date(earliest) - DAY
        while day <= self.as_of_date + DAY:
            row = special.get(day, {"works_as_weekday": day.isoweekday()})
            shorter = row.get("shortened_by_minutes")
            weekday = row["works_as_weekday"] or (day.isoweekday() if shorter is not None else None)
            if weekday is not None:
                worked = hours.get(int(weekday), [])
                # the day ends earlier, its breaks stay
                latest = max((minutes(end) for _, end in worked), default=0) - int(shorter or 0)
                intervals += [
                    (instant(day, start), instant(day, clock(min(minutes(end), latest))))
                    for start, end in worked
                    if minutes(start) < latest
                ]
            day += DAY
        intervals.sort()
        starts = [start for start, _ in intervals]
        ends = [end for _, end in intervals]
        before = [timedelta()]
        for start, end in intervals:
            before.append(before[-1] + max(end - start, timedelta()))
        return starts, ends, before

    def _worked_until(self, at: datetime) -> timedelta:
        starts, ends, before = self._working_intervals
        index = bisect_right(starts, at)
        if not index:
            return timedelta()
        last = max(min(ends[index - 1], at) - starts[index - 1], timedelta())
        return before[index - 1] + last

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """Elapsed time inside working hours of the reporting time zone."""
        return self._worked_until(end) - self._worked_until(start)

    # -- money

    @cached_property
    def base_currency(self) -> str:
        if self.vars["base_currency"]:
            return self.vars["base_currency"]
        for row in self.staged["crm_currency"]:
            if row["base"]:
                return row["currency"]
        used = {row["currency_id"] for row in self.staged["crm_deal"]} - {None}
        return used.pop() if len(used) == 1 else "XXX"

    @cached_property
    def _portal_rates(self) -> dict[str, Fraction]:
        return {
            row["currency"]: Fraction(row["amount"]) / Fraction(row["amount_cnt"])
            for row in self.staged["crm_currency"]
            if row["amount"] and row["amount_cnt"]
        }

    def rate(self, currency: str | None, day: date) -> Fraction:
        """Units of base currency for one unit of ``currency`` on a local date."""
        if currency is None or currency == self.base_currency:
            return Fraction(1)
        dated = [
            row
            for row in self.seeds["exchange_rates"]
            if row["currency"] == currency
            and row["base_currency"] == self.base_currency
            and row["valid_from"] <= day
        ]
        if dated:
            return Fraction(max(dated, key=lambda row: row["valid_from"])["rate"])
        rates = self._portal_rates
        if currency in rates and self.base_currency in rates:
            return rates[currency] / rates[self.base_currency]
        raise MissingRateError(f"no rate of {currency} on {day}")

    def in_base(self, amount: Decimal | None, currency: str | None, day: date) -> Decimal:
        if not amount:
            return Decimal(0)
        return money(Fraction(amount) * self.rate(currency, day))
