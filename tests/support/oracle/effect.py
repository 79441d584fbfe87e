"""Before and after (section 11 of the specification), from raw rows, seeds and vars.

Only the segment ``all``. Journals and adoption are not here.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from scipy.stats import linregress, t

from .arithmetic import DAY, ratio
from .clients import years
from .context import Facts, add_months, period_start_of
from .costs import COST_TYPES, spread
from .estimate import (
    POWER,
    Difference,
    Sample,
    Window,
    chance_of_at_least,
    difference,
    is_explained_by_trend,
    is_strong,
    months_to_tell,
)
from .metrics import MINUTE, Metrics
from .reading import read_value, text_of
from .requests import CHANNELS, OF_UNIT

Row = dict[str, Any]
ALL = ("all", "all")
# what a month gives to a comparison: y, x, cases
Month = tuple[float, float, int]

EFFECT_VARS: dict[str, Any] = {
    "crm_go_live_date": "",
    "comparison_months": 12,
    "ramp_up_months": 1,
    "after_window": "last",
    "min_comparison_months": 3,
    "min_sample_size": 5,
    "min_families_with_data": 4,
    "response_horizon_days": 30,
    "cycle_horizon_days": 180,
    "max_coverage_ratio": 2,
    "max_answers_ratio": 1.25,
    "max_yearly_inflation": 0.1,
    "recorded_alike": [],
}

EFFECT_SEEDS: dict[str, dict[str, str]] = {
    "manual_baseline": {
        "metric_code": "text",
        "value": "number",
        "sample_size": "number",
        "std_dev": "number",
        "period_start": "day",
        "period_end": "day",
        "note": "text",
    },
    "price_index": {"month": "day", "index": "number"},
    "goals": {
        "metric_code": "text",
        "target_value": "number",
        "target_change_pct": "number",
        "target_date": "day",
    },
}

CONVERSION_HORIZON = DAY * 90
FAMILIES = {
    "conversion": "acquisition",
    "response_time": "service",
    "retention": "loyalty",
    "churn": "loyalty",
    "cac": "cost",
    "sales_cycle": "speed",
    "ltv": "loyalty",
    "average_deal_size": "value",
    "automation_level": "automation",
    "lost_sales": "losses",
}
LOWER_IS_BETTER = {"response_time", "churn", "cac", "sales_cycle", "lost_sales"}
NEED_HISTORY = {"retention", "churn", "cac", "ltv", "net_effect"}
PERCENT = {"conversion", "retention", "churn", "automation_level"}
# of different years; lost sales are compared at one price
IN_MONEY = {"cac", "ltv", "average_deal_size"}
COMPARED = ("better", "worse", "not_distinguishable", "explained_by_trend")

MEASURES = {
    "conversion": "won_within_90d_pct",
    "response_time": "avg_response_minutes_within_horizon",
    "retention": "purchases_followed_pct",
    "churn": "purchases_not_followed_pct",
    "cac": "cac",
    "sales_cycle": "avg_cycle_days_within_horizon",
    "ltv": "ltv_at_one_lifespan",
    "average_deal_size": "average_deal_size",
    "automation_level": "automation_level_pct",
    "lost_sales": "lost_sales_per_unit_at_one_price",
}

# kinds of record a metric stands on, beside the kinds of request of response time and lost sales
BASIS: dict[str, tuple[str, ...]] = {
    "conversion": ("leads_per_deal", "came_to_nothing"),
    "response_time": (),
    "retention": ("won_deals_with_client",),
    "churn": ("won_deals_with_client",),
    "cac": ("won_deals_with_client", "cost_days_marketing"),
    "sales_cycle": ("deals_with_history", "deals_of_leads", "demand_with_activity"),
    "ltv": ("won_deals_with_client",),
    "average_deal_size": (),
    "automation_level": ("letters",),
    "lost_sales": ("leads_per_deal", "came_to_nothing"),
}
BY_REQUEST_KIND = ("response_time", "lost_sales")
MAX_FACTOR_OF_BASELINE = 20
TARGET_CHANGE = 0.2
# acts of people for each time that a client reached out
ACTS = ("outgoing_acts", "letters")
# letters a request, of which fewer are no way to answer
FEW_LETTERS = 0.05
NEGLIGIBLE = 1e-9
# costs that there would be without a CRM as well
RUNNING = ("marketing", "salary", "other")


@dataclass
class Comparison:
    """One metric: both windows, and what was found."""

    code: str
    measure: str
    scale: float
    before: Window | Sample | None = None
    after: Window | None = None
    before_n: int | None = None
    after_n: int | None = None
    before_months: list[date] = field(default_factory=list)
    after_months: list[date] = field(default_factory=list)
    before_source: str | None = None
    before_article: float | None = None
    after_article: float | None = None
    status: str = "no_data"
    has_vote: bool = True
    found: Difference | None = None
    evidence: str | None = None
    months_to_tell: int | None = None
    tell_date: date | None = None
    # (what, details...)
    warnings: list[tuple] = field(default_factory=list)

    def value(self, side: Window | Sample | None) -> float | None:
        return None if side is None or side.ratio is None else side.ratio * self.scale

    @property
    def has_both(self) -> bool:
        return None not in (self.value(self.before), self.value(self.after))

    def could_show(self, wanted: float) -> bool:
        """Whether a change of this size would be found."""
        return (
            self.found is not None
            and bool(self.value(self.before))
            and self.found.smallest_detectable * self.scale <= wanted
        )


@dataclass
class EffectResult:
    metric_windows: dict[tuple[str, str], Row]
    recording_coverage: dict[tuple[date, str], Row]
    crm_scorecard: dict[str, Row]
    # None while a window has too few months
    crm_roi: Row | None
    crm_roi_months: dict[date, Row]
    # None without a go-live date
    crm_verdict: Row | None


@dataclass
class Act:
    """A touch of a client, an answer of a person, or both at once: a call that is picked up."""

    at: datetime
    kind: str
    is_touch: bool
    is_response: bool
    touched_by: str = "none"
    is_picked_up: bool = False


@dataclass(frozen=True)
class Bought:
    """A purchase and whether another one followed soon enough."""

    at: datetime
    amount: Decimal
    is_followed: bool
    segments: ClassVar[dict[str, str]] = {"all": "all"}


def ordinal(month: date) -> int:
    return month.year * 12 + month.month


def compute_effect(metrics: Metrics) -> EffectResult:
    """Every figure of before and after for one portal."""
    return Effect(metrics).result()


class Effect:
    """Comparisons of one run."""

    def __init__(self, metrics: Metrics):
        self.metrics = metrics
        self.run = run = metrics.run
        self.vars = EFFECT_VARS | {name: run.vars[name] for name in EFFECT_VARS if name in run.vars}
        self.seeds = {
            name: [
                {
                    column: read_value(row.get(column), kind, run.zone)
                    for column, kind in columns.items()
                }
                for row in run.seed_rows.get(name) or []
            ]
            for name, columns in EFFECT_SEEDS.items()
        }
        self.fewest_months = int(self.vars["min_comparison_months"])
        self.fewest_cases = int(self.vars["min_sample_size"])
        self.periods = {
            period.start: period for period in metrics.periods if period.grain == "month"
        }
        self.complete = [month for month, period in self.periods.items() if period.is_complete]
        given = text_of(self.vars["crm_go_live_date"])
        self.go_live = date.fromisoformat(given) if given else None
        self.cycles = Facts(metrics.crm.deals, lambda deal: deal.first_contact_at)
        self.purchases = Facts(list(self._purchases()), lambda bought: bought.at)

    def _purchases(self) -> Iterable[Bought]:
        for client in self.metrics.clients:
            followers = [*client.times[1:], None]
            for deal, following in zip(client.purchases, followers, strict=True):
                is_followed = (
                    following is not None and following - deal.won_at < self.run.inactivity
                )
                yield Bought(deal.won_at, deal.amount, is_followed)

    def _in(self, facts: Facts, month: date) -> list:
        period = self.periods[month]
        return facts.within(ALL, period.start_at, period.cutoff_at)

    # -- months (11.2)

    @cached_property
    def first_after_month(self) -> date:
        start = period_start_of("month", self.go_live)
        skipped = int(self.vars["ramp_up_months"]) + (self.go_live.day > 1)
        return add_months(start, skipped)

    @cached_property
    def window_months(self) -> tuple[list[date], list[date]]:
        """Complete months before and after, as the vars ask for them, reached by data or not."""
        count = int(self.vars["comparison_months"])
        start = period_start_of("month", self.go_live)
        before = [add_months(start, -number) for number in range(count, 0, -1)]
        last = self.complete[-count:]
        if self.vars["after_window"] == "first":
            last = [month for month in self.complete if month >= self.first_after_month][:count]
        return before, [month for month in last if month >= self.first_after_month]

    @cached_property
    def _is_window_growing(self) -> bool:
        months = [month for month in self.complete if month >= self.first_after_month]
        return len(months) < int(self.vars["comparison_months"])

    def horizon(self, code: str) -> timedelta:
        """How old a month must be."""
        return {
            "conversion": CONVERSION_HORIZON,
            "lost_sales": CONVERSION_HORIZON,
            "response_time": DAY * int(self.vars["response_horizon_days"]),
            "sales_cycle": DAY * int(self.vars["cycle_horizon_days"]),
            "retention": self.run.inactivity,
            "churn": self.run.inactivity,
        }.get(code, timedelta())

    def may_be_compared(self, code: str, month: date) -> bool:
        period = self.periods.get(month)
        if period is None or not period.is_complete:
            return False
        if period.end_at + self.horizon(code) > self.run.as_of:
            return False
        since = self.metrics.full_history_at
        return code not in NEED_HISTORY or (since is not None and period.start_at >= since)

    def candidates(self, code: str) -> tuple[list[date], list[date]]:
        before, after = self.window_months
        return (
            [month for month in before if self.may_be_compared(code, month)],
            [month for month in after if self.may_be_compared(code, month)],
        )

    def same_months(self, before: list[date], after: list[date]) -> tuple[list[date], list[date]]:
        """The same months of the year, where there are enough of them on both sides."""
        shared = {month.month for month in before} & {month.month for month in after}
        if len(shared) < self.fewest_months:
            return before, after
        return (
            [month for month in before if month.month in shared],
            [month for month in after if month.month in shared],
        )

    # -- prices

    @cached_property
    def _prices(self) -> dict[date, float]:
        return {
            period_start_of("month", row["month"]): float(row["index"])
            for row in self.seeds["price_index"]
        }

    def _price_level(self, month: date) -> float:
        """The month's index, else the last known one, else the first."""
        known = [found for found in self._prices if found <= month]
        return self._prices[max(known) if known else min(self._prices)]

    def at_last_prices(self, month: date) -> float:
        """What an amount of the month is multiplied by."""
        if not self._prices or not self.complete:
            return 1.0
        return self._price_level(self.complete[-1]) / self._price_level(month)

    # -- what a month gives (y, x, cases)

    def _conversion(self, month: date, kinds: set[str] | None) -> Month:
        units = self._in(self.metrics.created_units, month)
        won = sum(
            unit.won_at is not None and unit.won_at - unit.created_at < CONVERSION_HORIZON
            for unit in units
        )
        return won, len(units), len(units)

    def _response_time(self, month: date, kinds: set[str] | None) -> Month:
        waits = [
            request.waited
            for request in self._in(self.metrics.started_requests, month)
            if request.waited is not None
            and not request.is_late(self.run.response_horizon)
            and (kinds is None or request.request_channel in kinds)
        ]
        return sum(waits, timedelta()) / MINUTE, len(waits), len(waits)

    def _retention(self, month: date, kinds: set[str] | None) -> Month:
        purchases = self._in(self.purchases, month)
        return sum(bought.is_followed for bought in purchases), len(purchases), len(purchases)

    def _churn(self, month: date, kinds: set[str] | None) -> Month:
        followed, purchases, cases = self._retention(month, kinds)
        return purchases - followed, purchases, cases

    def _cac(self, month: date, kinds: set[str] | None) -> Month:
        row = self.metrics.cac(self.periods[month], ALL)
        cost = float(row["acquisition_cost"]) * self.at_last_prices(month)
        return cost, row["new_clients"], row["new_clients"]

    def _sales_cycle(self, month: date, kinds: set[str] | None) -> Month:
        horizon = self.horizon("sales_cycle")
        cycles = [
            deal.won_at - deal.first_contact_at
            for deal in self._in(self.cycles, month)
            if deal.won_at is not None and deal.won_at - deal.first_contact_at < horizon
        ]
        return sum(cycles, timedelta()) / DAY, len(cycles), len(cycles)

    def _ltv(self, month: date, kinds: set[str] | None) -> Month:
        period = self.periods[month]
        active = timedelta()
        for client in self.metrics.clients:
            for since, until in client.active_spans(period.cutoff_at):
                overlap = min(until, period.cutoff_at) - max(since, period.start_at)
                active += max(overlap, timedelta())
        purchases = self._in(self.purchases, month)
        revenue = float(sum(bought.amount for bought in purchases))
        return revenue * self.at_last_prices(month), years(active), len(purchases)

    def _average_deal_size(self, month: date, kinds: set[str] | None) -> Month:
        deals = self._in(self.metrics.won_deals, month)
        revenue = float(sum(deal.amount for deal in deals))
        return revenue * self.at_last_prices(month), len(deals), len(deals)

    def _automation_level(self, month: date, kinds: set[str] | None) -> Month:
        row = self.metrics.automation_level(self.periods[month], ALL)
        events = row["total_events"] or 0
        return row["automated_events"] or 0, events, events

    def _lost_sales(self, month: date, kinds: set[str] | None) -> Month:
        units = [
            unit
            for unit in self._in(self.metrics.created_units, month)
            if kinds is None or self._kind_of_thread.get(unit.thread_id) in kinds
        ]
        lost = sum(unit.is_lost_for_organisational_reasons for unit in units)
        return lost, len(units), len(units)

    @cached_property
    def _kind_of_thread(self) -> dict[str, str]:
        """Kind of the first request of each thread."""
        first: dict[str, Any] = {}
        for request in self.metrics.requests.requests:
            known = first.get(request.thread_id)
            if known is None or request.start_at < known.start_at:
                first[request.thread_id] = request
        return {thread: request.request_channel for thread, request in first.items()}

    def given_by(self, code: str, month: date, kinds: set[str] | None) -> Month:
        return getattr(self, f"_{code}")(month, kinds)

    # -- recorded alike (11.3)

    @cached_property
    def recording_coverage(self) -> dict[tuple[date, str], Row]:
        rows = {}
        for month in self.periods:
            for kind, (numerator, denominator) in self._coverage_of(month).items():
                rows[month, kind] = {
                    "month": month,
                    "kind": kind,
                    "numerator": numerator,
                    "denominator": denominator,
                    "coverage": ratio(numerator, denominator),
                }
        return rows

    def _coverage_of(self, month: date) -> dict[str, tuple[float, float]]:
        metrics = self.metrics
        units = self._in(metrics.created_units, month)
        requests = self._in(metrics.started_requests, month)
        created = self._in(metrics.created_deals, month)
        won = self._in(metrics.won_deals, month)
        leads = [
            lead for lead in self._in(metrics.created_leads, month) if lead.outcome != "excluded"
        ]
        period = self.periods[month]
        activities = [
            activity
            for activity in metrics.requests.activities
            if period.start_at <= activity.at < period.cutoff_at
        ]
        acts = [act for act in self._acts if period.start_at <= act.at < period.cutoff_at]
        # who is picked up asks for nothing more
        asked = [act for act in acts if not act.is_picked_up]
        calls = [act for act in activities if act.kind == "call"]
        found: dict[str, tuple[float, float]] = {
            "demand_with_activity": (
                sum(unit.thread_id in self._threads_with_activity for unit in units),
                len(units),
            ),
            "outgoing_acts": (
                sum(act.is_response for act in asked),
                sum(act.is_touch for act in asked),
            ),
            "letters": (
                sum(act.is_response and act.kind in ("email", "chat") for act in acts),
                sum(act.is_touch for act in acts),
            ),
            "answered": (
                sum(r.is_answered for r in requests),
                sum(not r.is_unknown for r in requests),
            ),
            "calls_with_telephony": (
                sum(str(call.number) in metrics.requests.calls for call in calls),
                len(calls),
            ),
            "deals_with_history": (sum(bool(deal.steps) for deal in created), len(created)),
            "won_deals_with_client": (sum(deal.client_id is not None for deal in won), len(won)),
            "leads_per_deal": (len(leads), sum(deal.lead_id is not None for deal in created)),
            "deals_of_leads": (sum(deal.lead_id is not None for deal in created), len(created)),
            "came_to_nothing": (sum(unit.won_at is None for unit in units), len(units)),
        }
        for kind in CHANNELS:
            of_kind = [request for request in requests if request.request_channel == kind]
            answered = sum(request.is_answered for request in of_kind)
            known = sum(not request.is_unknown for request in of_kind)
            of_touch = [act for act in asked if act.touched_by == kind]
            found[f"requests_{kind}"] = (len(of_kind), len(units))
            found[f"answered_{kind}"] = (answered, known)
            all_of_touch = [act for act in acts if act.touched_by == kind]
            found[f"letters_{kind}"] = (
                sum(act.is_response and act.kind in ("email", "chat") for act in all_of_touch),
                sum(act.is_touch for act in all_of_touch),
            )
            found[f"outgoing_acts_{kind}"] = (
                sum(act.is_response for act in of_touch),
                sum(act.is_touch for act in of_touch),
            )
        # of the last month, the days so far
        days = (period.cutoff_at.astimezone(self.run.zone).date() - month).days
        days += period.cutoff_at.astimezone(self.run.zone).time() != time()
        for cost_type in COST_TYPES:
            found[f"cost_days_{cost_type}"] = (
                sum(
                    day in self._covered_days[cost_type]
                    for day in self._days_of(month)
                    if (day - month).days < days
                ),
                days,
            )
        return found

    @staticmethod
    def _days_of(month: date) -> list[date]:
        days = calendar.monthrange(month.year, month.month)[1]
        return [month + DAY * number for number in range(days)]

    @cached_property
    def _threads_with_activity(self) -> set[str]:
        return {activity.thread_id for activity in self.metrics.requests.activities}

    @cached_property
    def _acts(self) -> list[Act]:
        """Touches and answers, each with the kind of the latest touch of its thread so far."""
        threads: dict[str, list[Act]] = {}
        for activity in self.metrics.requests.activities:
            if (activity.is_touch or activity.is_response) and (
                activity.has_time and not activity.is_unknown
            ):
                act = Act(activity.at, activity.kind, activity.is_touch, activity.is_response)
                threads.setdefault(activity.thread_id, []).append(act)
        for thread, touches in self.metrics.requests.touches.items():
            threads.setdefault(thread, []).extend(
                Act(touch.at, touch.request_channel, True, False)
                for touch in touches
                if touch.order == OF_UNIT
            )
        for acts in threads.values():
            touches = [act for act in acts if act.is_touch]
            for act in acts:
                so_far = [touch.at for touch in touches if touch.at <= act.at]
                latest = [touch for touch in touches if so_far and touch.at == max(so_far)]
                act.touched_by = max((touch.kind for touch in latest), default="none")
                act.is_picked_up = any(touch.is_response for touch in latest)
        return [act for acts in threads.values() for act in acts]

    @cached_property
    def _covered_days(self) -> dict[str, set[date]]:
        covered: dict[str, set[date]] = {cost_type: set() for cost_type in COST_TYPES}
        for row in self.run.seeds["costs"]:
            length = (row["date_to"] - row["date_from"]).days + 1
            covered.setdefault(row["cost_type"], set()).update(
                row["date_from"] + DAY * number for number in range(length)
            )
        return covered

    def coverage(self, kind: str, months: list[date]) -> float | None:
        rows = [self.recording_coverage[month, kind] for month in months]
        return ratio(sum(row["numerator"] for row in rows), sum(row["denominator"] for row in rows))

    def recorded_differently(
        self, kind: str, before: list[date], after: list[date]
    ) -> tuple | None:
        """(what, kind, coverage before, after), or nothing; what cannot be judged is no doubt."""
        if kind == "leads_per_deal" and self.metrics.crm.demand_entity != "lead":
            return None
        first, second = self.coverage(kind, before), self.coverage(kind, after)
        if first is None or second is None:
            return None
        limit = "max_answers_ratio" if kind.startswith(ACTS) else "max_coverage_ratio"
        if min(first, second) * float(self.vars[limit]) < max(first, second):
            return ("recorded_differently", kind, first, second)
        return None

    def comparable_kinds(
        self, before: list[date], after: list[date]
    ) -> tuple[set[str] | None, list[tuple]]:
        """Kinds of request recorded alike (None: all of them), and the doubts about the others."""
        present, doubts = set(), {}
        for kind in CHANNELS:
            if not any(
                self.recording_coverage[month, f"requests_{kind}"]["numerator"]
                for month in (*before, *after)
            ):
                continue
            present.add(kind)
            needed = [f"requests_{kind}", f"answered_{kind}", f"outgoing_acts_{kind}"]
            if kind == "call":
                needed.append("calls_with_telephony")
            found = [self.recorded_differently(name, before, after) for name in needed]
            letters = [self.coverage(f"letters_{kind}", months) for months in (before, after)]
            # a kind of request that letters answer stands on their being written down at all
            if max(rate or 0 for rate in letters) >= FEW_LETTERS:
                found.append(self.recorded_differently("letters", before, after))
            if any(found):
                doubts[kind] = [doubt for doubt in found if doubt]
        alike = present - set(doubts)
        flat = [doubt for found in doubts.values() for doubt in found]
        return (None if alike == present else alike), flat

    # -- one comparison (11.1, 11.4, 11.5)

    @cached_property
    def comparisons(self) -> dict[str, Comparison]:
        if self.go_live is None:
            return {}
        return {code: self.compare(code) for code in FAMILIES}

    def window(self, months: list[date], given: Callable[[date], Month]) -> tuple[Window, int]:
        rows = [given(month) for month in months]
        return (
            Window(
                tuple(ordinal(month) for month in months),
                tuple(float(row[0]) for row in rows),
                tuple(float(row[1]) for row in rows),
            ),
            sum(row[2] for row in rows),
        )

    def compare(self, code: str) -> Comparison:
        comparison = Comparison(code, MEASURES[code], 100.0 if code in PERCENT else 1.0)
        before, after = self.candidates(code)
        kinds: set[str] | None = None
        blocked = False
        if code in self.vars["recorded_alike"]:
            comparison.warnings.append(("recorded_alike", code))
        else:
            doubts = [
                doubt
                for kind in BASIS[code]
                if (doubt := self.recorded_differently(kind, before, after))
            ]
            blocked = bool(doubts)
            if code in BY_REQUEST_KIND:
                kinds, of_kinds = self.comparable_kinds(before, after)
                doubts += of_kinds
                blocked = blocked or kinds == set()
            comparison.warnings += doubts
            if kinds:
                comparison.warnings.append(("compared_over", *sorted(kinds)))
        if blocked:
            kinds = None

        def given(month: date) -> Month:
            return self.given_by(code, month, kinds)

        def has_something(month: date) -> bool:
            y, x, _ = given(month)
            return bool(y or x)

        before, after = self.same_months(
            [month for month in before if has_something(month)],
            [month for month in after if has_something(month)],
        )
        comparison.before_months, comparison.after_months = before, after
        comparison.before, comparison.before_n = self.window(before, given)
        comparison.after, comparison.after_n = self.window(after, given)
        comparison.before_source = "data"
        money_scale = self._money_scale(code, after)
        comparison.scale *= money_scale or 0.0
        comparison.before_article = self.article_value(code, before)
        comparison.after_article = self.article_value(code, after)
        if code == "automation_level":
            return self._automation(comparison, blocked)

        is_known = money_scale is not None and self._is_source_there(code, before, after)
        sides = [
            is_known
            and len(months) >= self.fewest_months
            and cases >= self.fewest_cases
            and side.ratio is not None
            for months, cases, side in (
                (before, comparison.before_n, comparison.before),
                (after, comparison.after_n, comparison.after),
            )
        ]
        if blocked or not sides[0]:
            baseline = self.baseline(comparison)
            if baseline is not None:
                return self._against_baseline(comparison, baseline)
        if blocked:
            comparison.status = "not_comparable"
            return comparison
        if not is_known:
            comparison.before = comparison.after = None
            return comparison
        self._warn_of_prices(comparison)
        if sides[0]:
            enough = comparison.after if sides[1] else None
            self._look_ahead(comparison, enough)
        if all(sides):
            self._judge(comparison)
        return comparison

    def _is_source_there(self, code: str, before: list[date], after: list[date]) -> bool:
        """Nothing written down is not nothing there.

        CAC needs marketing costs on both sides; losses need reasons, or activities.
        """
        if code == "lost_sales":
            return self.metrics.requests.has_activities or bool(self.run.seeds["loss_reasons"])
        if code != "cac":
            return True
        return all(self.coverage("cost_days_marketing", months) for months in (before, after))

    def _money_scale(self, code: str, after: list[date]) -> float | None:
        """What turns a ratio into money; null where nothing tells the price."""
        if code == "ltv":
            if not self.complete:
                return 1.0
            last = self.periods[self.complete[-1]]
            life = self.metrics.ltv(last, ALL)["avg_lifespan_years"]
            return None if life is None else self.run.margin * life
        if code == "lost_sales":
            # the price of ``after`` on both sides: the deal size that is shown beside it
            def sold(month: date) -> Month:
                return self._average_deal_size(month, None)

            before, after = (
                [month for month in side if any(sold(month)[:2])]
                for side in self.candidates("average_deal_size")
            )
            deals, revenue = 0, 0.0
            for month in self.same_months(before, after)[1]:
                y, x, _ = sold(month)
                revenue, deals = revenue + y, deals + int(x)
            return ratio(revenue, deals)
        return 1.0

    def _judge(self, comparison: Comparison) -> None:
        before, after = comparison.before, comparison.after
        comparison.found = found = difference(before, after)
        comparison.status = "not_distinguishable"
        if found is None or found.low <= 0 <= found.high:
            return
        # a difference in the last digits of a double is none
        if abs(found.change) <= NEGLIGIBLE * max(abs(before.ratio), abs(after.ratio)):
            return
        is_up = found.change > 0
        is_better = is_up != (comparison.code in LOWER_IS_BETTER)
        comparison.status = "better" if is_better else "worse"
        comparison.evidence = "weak"
        if isinstance(before, Window):
            if is_explained_by_trend(before, after, found.change):
                comparison.status, comparison.evidence = "explained_by_trend", None
            elif is_strong(before, after, found.change):
                comparison.evidence = "strong"

    def _look_ahead(self, comparison: Comparison, after: Window | None) -> None:
        before = comparison.before
        wanted = ratio(self._wanted_change(comparison), comparison.scale) or 0.0
        months = months_to_tell(before, after, wanted, self.fewest_months)
        comparison.months_to_tell = months
        if months is not None:
            end = add_months(self.first_after_month, months)
            comparison.tell_date = end + self.horizon(comparison.code)

    def _warn_of_prices(self, comparison: Comparison) -> None:
        before, after = comparison.before_months, comparison.after_months
        if comparison.code not in IN_MONEY or self._prices or not before or not after:
            return
        if ordinal(after[0]) - ordinal(before[-1]) > 12:
            comparison.warnings.append(("prices_not_deflated",))

    # -- automation (11.4)

    def _automation(self, comparison: Comparison, blocked: bool) -> Comparison:
        is_measured = (
            min(len(comparison.before_months), len(comparison.after_months)) >= self.fewest_months
            and min(comparison.before_n, comparison.after_n) >= self.fewest_cases
        )
        if is_measured:
            comparison.measure = "automated_events_pct"
            if blocked:
                comparison.status = "not_comparable"
                return comparison
            self._look_ahead(comparison, comparison.after)
            self._judge(comparison)
            return comparison
        comparison.has_vote = False
        before, after = self.window_months
        comparison.before_months, comparison.after_months = before[-1:], after[-1:]
        comparison.before, comparison.before_n = self._register(comparison.before_months)
        comparison.after, comparison.after_n = self._register(comparison.after_months)
        comparison.before_article = comparison.value(comparison.before)
        comparison.after_article = comparison.value(comparison.after)
        if comparison.value(comparison.before) is None:
            baseline = self.baseline(comparison)
            if baseline is not None:
                return self._against_baseline(comparison, baseline)
        if comparison.has_both:
            comparison.status = "not_distinguishable"
        return comparison

    def _register(self, months: list[date]) -> tuple[Window, int]:
        def given(month: date) -> Month:
            last = min(add_months(month, 1) - DAY, self.run.as_of_date)
            existing = [
                process
                for process in self.run.seeds["business_processes"]
                if _is_between(last, process["exists_from"], process["exists_to"])
            ]
            automated = sum(
                process["automated_from"] is not None
                and _is_between(last, process["automated_from"], process["automated_to"])
                for process in existing
            )
            return automated, len(existing), len(existing)

        return self.window(months, given)

    # -- before there was a CRM (11.5)

    def article_month(self, code: str, month: date) -> Month | None:
        """(y, x) of the article's formula, in prices of the time, as ``metric_values`` has it.

        None where it is no ratio of sums over months.
        """
        metrics, period = self.metrics, self.periods[month]
        columns = {
            "conversion": ("closed_deals", "leads"),
            "response_time": ("total_response_minutes", "averaged_requests"),
            "retention": ("retained_clients", "clients_at_start"),
            "churn": ("churned_clients", "clients_in_period"),
            "cac": ("acquisition_cost", "new_clients"),
            "sales_cycle": ("total_cycle_days", "closed_deals"),
            "average_deal_size": ("revenue", "closed_deals"),
        }
        row = getattr(metrics, code)(period, ALL)
        if code == "lost_sales":
            if row["lost_sales"] is None:
                return 0.0, 0.0, 0
            return row["lost_sales"], 1.0, row["demand"]
        if code not in columns:
            return None
        y, x = (float(row[column]) for column in columns[code])
        return y, x, int(x)

    def article_value(self, code: str, months: list[date]) -> float | None:
        if not months:
            return None
        if code in ("ltv", "automation_level"):
            last = self.periods[months[-1]]
            row = getattr(self.metrics, code)(last, ALL)
            return row["automation_level_pct" if code == "automation_level" else "ltv"]
        rows = [self.article_month(code, month) for month in months]
        times = 100 if code in PERCENT else 1
        return ratio(sum(row[0] for row in rows), sum(row[1] for row in rows), times)

    def baseline(self, comparison: Comparison) -> Row | None:
        """What was measured by hand, unless its unit is plainly another one."""
        rows = [
            row
            for row in self.seeds["manual_baseline"]
            if row["metric_code"] == comparison.code and row["value"] is not None
        ]
        if not rows:
            return None
        row = max(rows, key=lambda found: (found["period_end"] or date.min, found["value"]))
        own, value = comparison.after_article, float(row["value"])
        if (
            own
            and value
            and not (1 / MAX_FACTOR_OF_BASELINE <= value / own <= MAX_FACTOR_OF_BASELINE)
        ):
            comparison.warnings.append(("baseline_wrong_unit", value, own))
            return None
        return row

    def _against_baseline(self, comparison: Comparison, row: Row) -> Comparison:
        """Compared with exactly what the article's formula gives for ``after``."""
        code, months = comparison.code, comparison.after_months
        comparison.measure = f"article_{code}"
        comparison.warnings = [
            warning for warning in comparison.warnings if warning[0] != "compared_over"
        ]
        comparison.scale = 100.0 if code in PERCENT else 1.0
        size = int(row["sample_size"]) if row["sample_size"] is not None else None
        value = float(row["value"]) / comparison.scale
        variance = None
        if size is not None and size > 1 and row["std_dev"] is not None:
            variance = (float(row["std_dev"]) / comparison.scale) ** 2 / size
        comparison.before = Sample(value, variance, (size or 0) - 1)
        comparison.before_n, comparison.before_months = size, []
        comparison.before_source = "manual"
        comparison.before_article = float(row["value"])
        if months and self.article_month(code, months[0]) is not None:
            comparison.after, comparison.after_n = self.window(
                months, lambda month: self.article_month(code, month)
            )
        elif comparison.after_article is not None:
            # one figure of the last month, without a spread
            last = ordinal(months[-1])
            comparison.after = Window((last,), (comparison.after_article / comparison.scale,), (1,))
        else:
            comparison.after = None
        is_one_figure = code in ("ltv", "automation_level")
        has_enough = (
            comparison.after is not None
            and comparison.after.ratio is not None
            and (
                is_one_figure
                or (len(months) >= self.fewest_months and comparison.after_n >= self.fewest_cases)
            )
        )
        if has_enough and (size is None or size >= self.fewest_cases):
            self._look_ahead(comparison, comparison.after)
            self._judge(comparison)
        return comparison

    # -- marts

    def metric_windows(self) -> dict[tuple[str, str], Row]:
        rows = {}
        for code, found in self.comparisons.items():
            for name, side, months, cases, source, article in (
                ("before", found.before, found.before_months, found.before_n,
                 found.before_source, found.before_article),
                ("after", found.after, found.after_months, found.after_n,
                 "data", found.after_article),
            ):  # fmt: skip
                has_months = isinstance(side, Window)
                rows[code, name] = {
                    "metric_code": code,
                    "window": name,
                    "measure": found.measure,
                    "value": found.value(side),
                    "numerator": sum(side.y) if has_months else None,
                    "denominator": sum(side.x) if has_months else None,
                    "months": len(months),
                    "first_month": months[0] if months else None,
                    "last_month": months[-1] if months else None,
                    "cases": cases,
                    "source": source if found.value(side) is not None else None,
                    "article_value": article,
                }
        return rows

    def crm_scorecard(self) -> dict[str, Row]:
        rows = {}
        for code, found in self.comparisons.items():
            before, after = found.value(found.before), found.value(found.after)
            is_compared = found.status in COMPARED
            change = after - before if is_compared else None
            interval, scale = found.found, found.scale
            rows[code] = {
                "metric_code": code,
                "family": FAMILIES[code],
                "better_when": "lower" if code in LOWER_IS_BETTER else "higher",
                "has_vote": found.has_vote,
                "before_value": before,
                "after_value": after,
                "change": change,
                "change_pct": None if change is None else ratio(change, abs(before), 100),
                "change_ci_low": None if interval is None else interval.low * scale,
                "change_ci_high": None if interval is None else interval.high * scale,
                "before_n": found.before_n,
                "after_n": found.after_n,
                "before_months": len(found.before_months),
                "after_months": len(found.after_months),
                "before_source": found.before_source if before is not None else None,
                "status": found.status,
                "evidence": found.evidence,
                "is_preliminary": is_compared and self._is_window_growing,
                "smallest_detectable_change": None
                if interval is None
                else interval.smallest_detectable * scale,
                "months_to_tell": found.months_to_tell,
                "tell_date": found.tell_date,
                **self._goal(found, before, after),
                "warning": found.warnings,
            }
        return rows

    def _goal_of(self, code: str) -> Row | None:
        return next((row for row in self.seeds["goals"] if row["metric_code"] == code), None)

    @staticmethod
    def _goal_value(goal: Row, before: float | None) -> float | None:
        if goal["target_value"] is not None:
            return float(goal["target_value"])
        return before and before * (1 + float(goal["target_change_pct"]) / 100)

    def _wanted_change(self, found: Comparison) -> float:
        """How large a change is looked for: up to the goal, unless it was met before."""
        before = found.value(found.before) or 0.0
        goal = self._goal_of(found.code)
        if goal is not None:
            way = self._goal_value(goal, before) - before
            if way < 0 if found.code in LOWER_IS_BETTER else way > 0:
                return abs(way)
        return TARGET_CHANGE * abs(before)

    def _goal(self, found: Comparison, before: float | None, after: float | None) -> Row:
        """What is wanted of a metric, and whether it is there by now."""
        goal = self._goal_of(found.code)
        if goal is None:
            return {"goal_value": None, "goal_date": None, "goal_status": "no_goal"}
        is_relative = goal["target_value"] is None
        wanted = self._goal_value(goal, before)
        is_over = goal["target_date"] < self.run.as_of_date
        status = None if is_over else "on_the_way"
        has_enough = (
            None not in (wanted, after)
            and len(found.after_months) >= self.fewest_months
            and found.after_n >= self.fewest_cases
        )
        if has_enough and (not is_relative or found.status in COMPARED):
            better, worse = (wanted, after) if found.code in LOWER_IS_BETTER else (after, wanted)
            is_met = worse - better <= NEGLIGIBLE * (abs(after) + abs(wanted))
            status = "met" if is_met else "missed" if is_over else "on_the_way"
        return {"goal_value": wanted, "goal_date": goal["target_date"], "goal_status": status}

    # -- does it pay (11.7)

    @cached_property
    def cost_by_month(self) -> dict[tuple[str, date], float]:
        """From the first day paid for, long before the data too, to ``as_of``."""
        found: dict[tuple[str, date], float] = {}
        for row in self.run.seeds["costs"]:
            amount = self.run.in_base(row["amount"], row["currency"], row["date_from"])
            for day, share in spread(amount, row["date_from"], row["date_to"]):
                if day <= self.run.as_of_date:
                    month = period_start_of("month", day)
                    cost = float(share) * self.at_last_prices(month)
                    key = (row["cost_type"], month)
                    found[key] = found.get(key, 0.0) + cost
        return found

    def _money_of(self, month: date) -> Row:
        """Trade and costs of a month in prices of the last one."""
        revenue, deals, _ = self._average_deal_size(month, None)
        demand = len(self._in(self.metrics.created_units, month))
        costs = {kind: self.cost_by_month.get((kind, month), 0.0) for kind in COST_TYPES}
        return {"demand": demand, "deals": deals, "revenue": revenue} | costs

    def _average_money(self, months: list[date]) -> Row:
        rows = [self._money_of(month) for month in months]
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}

    @cached_property
    def money_windows(self) -> tuple[list[date], list[date]]:
        return self.same_months(*self.candidates("net_effect"))

    @cached_property
    def _is_margin(self) -> bool:
        return text_of(self.run.vars["gross_margin_rate"]) is not None

    @cached_property
    def _is_net_known(self) -> bool:
        return self._is_margin and not any(
            self.recorded_differently(f"cost_days_{kind}", *self.money_windows) for kind in RUNNING
        )

    def _gained(self, now: Row, usual: Row) -> Row:
        """What one month, real or average, has more than an average month before."""
        conversion = ratio(usual["deals"], usual["demand"])
        size = ratio(usual["revenue"], usual["deals"])
        change = now["revenue"] - usual["revenue"]
        row: Row = {
            "revenue_change": change,
            "volume_effect": None,
            "conversion_effect": None,
            "deal_size_effect": None,
            "gross_margin_rate": self.run.margin if self._is_margin else None,
            "margin_change": change * self.run.margin if self._is_margin else None,
        }
        if conversion is not None and size is not None:
            row["volume_effect"] = (now["demand"] - usual["demand"]) * conversion * size
            row["conversion_effect"] = (now["deals"] - now["demand"] * conversion) * size
            row["deal_size_effect"] = now["revenue"] - now["deals"] * size
        return row | {f"{kind}_cost_change": now[kind] - usual[kind] for kind in RUNNING}

    @cached_property
    def crm_roi_months(self) -> dict[date, Row]:
        """Since go-live, its own month and the ramp-up included."""
        if self.go_live is None or len(self.money_windows[0]) < self.fewest_months:
            return {}
        usual = self._average_money(self.money_windows[0])
        rows: dict[date, Row] = {}
        margin = added = 0.0
        since = period_start_of("month", self.go_live)
        for number, month in enumerate((m for m in self.complete if m >= since), 1):
            now = self._money_of(month)
            row = self._gained(now, usual)
            margin += row["margin_change"] or 0.0
            added += sum(row[f"{kind}_cost_change"] for kind in RUNNING)
            paid = {
                day: cost
                for (kind, day), cost in self.cost_by_month.items()
                if kind == "crm" and day <= self.complete[-1]
            }
            crm = sum(cost for day, cost in paid.items() if day <= month) if paid else None
            is_known = self._is_net_known and crm is not None
            rows[month] = row | {
                "is_compared": month in self.money_windows[1],
                "months_so_far": number,
                "revenue": now["revenue"],
                "crm_cost": now["crm"],
                "margin_so_far": margin if self._is_margin else None,
                "added_cost_so_far": added,
                "crm_cost_so_far": crm,
                "net_effect_so_far": margin - added - crm if is_known else None,
            }
        return rows

    @cached_property
    def crm_roi(self) -> Row | None:
        """The average month of both windows, and the totals of the last month."""
        months = self.crm_roi_months
        if not months or len(self.money_windows[1]) < self.fewest_months:
            return None
        before, after = self.money_windows
        usual, now = self._average_money(before), self._average_money(after)
        last = list(months.values())[-1]
        count, crm, total = (
            last[name] for name in ("months_so_far", "crm_cost_so_far", "net_effect_so_far")
        )
        row = self._gained(now, usual) | {
            "before_months": len(before),
            "after_months": len(after),
            "revenue_before": usual["revenue"],
            "revenue_after": now["revenue"],
            "crm_cost_before": usual["crm"],
            "crm_cost_after": now["crm"],
            "crm_cost_a_month": None if crm is None else crm / count,
            "months_since_go_live": count,
            "margin_change_total": last["margin_so_far"],
            "added_cost_total": last["added_cost_so_far"],
            "crm_cost_total": crm,
            "net_effect_total": total,
            "roi_pct": None if total is None or not crm else total / crm * 100,
        }
        row |= dict.fromkeys(
            ("net_effect", "net_effect_ci_low", "net_effect_ci_high", "payback_month",
             "payback_earliest", "payback_latest", "months_to_payback")
        )  # fmt: skip
        if total is None:
            return row
        added = sum(row[f"{kind}_cost_change"] for kind in RUNNING)
        row["net_effect"] = net = row["margin_change"] - added - row["crm_cost_a_month"]

        def earned(month: date) -> Month:
            money = self._money_of(month)
            costs = sum(money[kind] for kind in RUNNING)
            return money["revenue"] * self.run.margin - costs, 1.0, 1

        past, present = (self.window(side, earned)[0] for side in (before, after))
        found = difference(past, present)
        if found is None:
            return row
        # what was earned before would be more at higher prices, and what was lost as well
        risen = self._rise_of_prices(past, present) * past.ratio
        grown = self._growth_of_leads(past, present)
        to_low = found.margin + max(risen, 0.0) + max(grown, 0.0)
        to_high = found.margin + max(-risen, 0.0) + max(-grown, 0.0)
        row["net_effect_ci_low"], row["net_effect_ci_high"] = net - to_low, net + to_high
        if net > to_low:
            row["payback_month"] = self._payback(0.0)
            row["payback_latest"] = self._payback(-to_low)
        if net > -to_high:
            row["payback_earliest"] = self._payback(to_high)
        if row["payback_month"]:
            row["months_to_payback"] = months[row["payback_month"]]["months_so_far"]
        return row

    def _growth_of_leads(self, before: Window, after: Window) -> float:
        """The margin a month that leads would have added, had they gone on as they did before."""
        usual = self._average_money(self.money_windows[0])
        go_live = period_start_of("month", self.go_live)
        since = add_months(go_live, -2 * int(self.vars["comparison_months"]))
        # the first month of the data is hardly a whole one
        months = [month for month in self.complete[1:] if since <= month < go_live]
        if len(months) < 3 or not usual["deals"]:
            return 0.0
        leads = [self._money_of(month)["demand"] for month in months]
        line = linregress([month.year * 12 + month.month for month in months], leads)
        margin = t.ppf(POWER, len(months) - 2) * line.stderr
        # leads that are the same each month have no error that can be told
        if not abs(line.slope) > margin:
            return 0.0
        steepest = line.slope + math.copysign(margin, line.slope)
        apart = sum(after.months) / after.size - sum(before.months) / before.size
        return steepest * apart * usual["revenue"] / usual["demand"] * self.run.margin

    def _rise_of_prices(self, before: Window, after: Window) -> float:
        """What prices may have risen by where nothing says: none within a year."""
        apart = sum(after.months) / after.size - sum(before.months) / before.size
        if self._prices or apart <= 12:
            return 0.0
        return (1 + float(self.vars["max_yearly_inflation"])) ** (apart / 12) - 1

    def _payback(self, shift: float) -> date | None:
        """From which month on what was gained never again falls short of what was paid.

        ``shift``: what a bound of the net effect has more than it, a month.
        """
        found = None
        for month, row in self.crm_roi_months.items():
            if row["net_effect_so_far"] + shift * row["months_so_far"] < 0:
                found = None
            elif found is None:
                found = month
        return found

    # -- the verdict (11.8)

    def crm_verdict(self, roi: Row | None) -> Row | None:
        if self.go_live is None:
            return None
        families: dict[str, str | None] = {}
        for family in dict.fromkeys(FAMILIES.values()):
            statuses = [
                found.status
                for code, found in self.comparisons.items()
                if FAMILIES[code] == family and found.has_vote and found.status in COMPARED
            ]
            better, worse = statuses.count("better"), statuses.count("worse")
            outcome = "better" if better > worse else "worse" if worse > better else "level"
            families[family] = outcome if statuses else None
        outcomes = list(families.values())
        compared = sum(outcome is not None for outcome in outcomes)
        better, worse = outcomes.count("better"), outcomes.count("worse")
        level = [family for family, outcome in families.items() if outcome == "level"]
        able = [family for family in level if self._could_show(family)]
        net = roi or {}
        low, high = net.get("net_effect_ci_low"), net.get("net_effect_ci_high")
        is_against = high is not None and high < 0

        tell_date = None
        if compared < int(self.vars["min_families_with_data"]):
            verdict = "not_enough_data"
        elif better > worse and 2 * better >= compared and not is_against:
            verdict = "pays_off"
        elif is_against or (worse > better and 2 * worse >= compared):
            verdict = "eats_the_budget"
        elif 2 * len(able) >= len(level):
            verdict = "no_effect"
        else:
            verdict = "cannot_tell_yet"
            tell_date = self._half_can_tell_from(level, able)
        intervals = sum(found.found is not None for found in self.comparisons.values())
        return {
            "verdict": verdict,
            "families": families,
            "families_with_data": compared,
            "families_better": better,
            "families_worse": worse,
            "families_level": len(level),
            "families_level_able": len(able),
            "tell_date": tell_date,
            "net_effect_ci_low": low,
            "net_effect_ci_high": high,
            "chance_under_no_effect": chance_of_at_least(better, compared),
            "expected_wrong_lines": intervals * 0.05,
        }

    def _voters(self, family: str) -> list[Comparison]:
        return [
            found
            for code, found in self.comparisons.items()
            if FAMILIES[code] == family and found.has_vote and found.status in COMPARED
        ]

    def _could_show(self, family: str) -> bool:
        return any(found.could_show(self._wanted_change(found)) for found in self._voters(family))

    def _half_can_tell_from(self, level: list[str], able: list[str]) -> date | None:
        """When at least half of the level families will have been able to show a change."""
        missing = (len(level) + 1) // 2 - len(able)
        dates = []
        for family in level:
            known = [found.tell_date for found in self._voters(family) if found.tell_date]
            if family not in able and known:
                dates.append(min(known))
        return sorted(dates)[missing - 1] if len(dates) >= missing else None

    def result(self) -> EffectResult:
        return EffectResult(
            metric_windows=self.metric_windows(),
            recording_coverage=self.recording_coverage,
            crm_scorecard=self.crm_scorecard(),
            crm_roi=self.crm_roi,
            crm_roi_months=self.crm_roi_months,
            crm_verdict=self.crm_verdict(self.crm_roi),
        )


def _is_between(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)
