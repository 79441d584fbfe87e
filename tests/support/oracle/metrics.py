"""The ten metric tables and their long union."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from .arithmetic import DAY, median_survival, money, percentile, product, ratio
from .clients import Client, LifeSoFar, Movement, clients_of, life_so_far, movement, years
from .context import Facts, Period, Run, period_start_of
from .costs import COST_TYPES, Costs
from .crm import UNKNOWN, Crm, Deal
from .reading import text_of
from .requests import CHANNELS, Request, Requests

Segment = tuple[str, str]
Row = dict[str, Any]
Table = dict[tuple[str, date, str, str], Row]

SEGMENT_TYPES = {
    "conversion": ("all", "channel", "employee", "client_history"),
    "response_time": ("all", "request_channel", "channel", "employee"),
    "retention": ("all", "channel", "client_type"),
    "churn": ("all", "channel", "client_type"),
    "cac": ("all", "channel"),
    "sales_cycle": ("all", "channel", "pipeline", "employee", "client_type"),
    "ltv": ("all", "channel", "client_type"),
    "average_deal_size": (
        "all",
        "channel",
        "pipeline",
        "employee",
        "client_type",
        "client_history",
    ),
    "automation_level": ("all", "process_category"),
    "lost_sales": ("all", "channel", "employee"),
}

# headline, numerator, denominator
HEADLINES: dict[str, tuple[str, str, str | None]] = {
    "conversion": ("conversion_pct", "closed_deals", "leads"),
    "response_time": ("avg_response_minutes", "total_response_minutes", "averaged_requests"),
    "retention": ("retention_rate_pct", "retained_clients", "clients_at_start"),
    "churn": ("churn_rate_pct", "churned_clients", "clients_in_period"),
    "cac": ("cac", "acquisition_cost", "new_clients"),
    "sales_cycle": ("avg_cycle_days", "total_cycle_days", "closed_deals"),
    "ltv": ("ltv", "revenue_margin_lifespan", "active_client_years"),
    "average_deal_size": ("average_deal_size", "revenue", "closed_deals"),
    "automation_level": ("automation_level_pct", "automated_processes", "total_processes"),
    "lost_sales": ("lost_sales", "lost_sales", None),
}

# what can only come out in one way while nobody can have been lost yet
FORCED_BY_THE_START = {
    "retention": ("retention_rate_pct",),
    "churn": ("churn_rate_pct", "churn_of_opening_pct"),
    "cac": (
        "cac", "cac_full", "cac_marketing_only", "ltv", "ltv_to_cac", "payback_months",
        "is_unprofitable",
    ),
    "ltv": ("ltv",),
}  # fmt: skip

CLIENT_TYPES = ("company", "person", UNKNOWN)
PROCESS_CATEGORIES = (
    "task_creation",
    "deadline_reminders",
    "documents_and_invoices",
    "client_mailings",
    "lead_distribution",
    "other",
)
MINUTE = timedelta(minutes=1)


class Metrics:
    """All figures of one run. Tables are dicts by (grain, period start, segment type, id)."""

    def __init__(self, run: Run):
        self.run = run
        self.crm = Crm(run)
        self.clients = clients_of(run, self.crm.deals)
        self.requests = Requests(
            run, self.crm, {client.id: client.segments["channel"] for client in self.clients}
        )
        for deal in self.crm.deals:
            deal.first_contact_at = self.requests.first_contact(deal)
        for unit in self.crm.units:
            unit.is_lost_for_organisational_reasons = unit.is_lost and (
                self.crm.is_organisational(unit.loss)
                or self._was_ignored(unit.thread_id, unit.created_at)
            )
        self.first_event_at = self.crm.first_event_at(
            [activity.at for activity in self.requests.activities]
        )
        self.periods = run.periods(self.first_event_at)
        if self.periods:
            self.first_month = period_start_of("month", run.local_date(self.first_event_at))
            self.costs = Costs(run, self.first_month)
        deals = self.crm.deals
        self.won_deals = Facts(deals, lambda deal: deal.won_at)
        self.lost_deals = Facts(deals, lambda deal: deal.lost_at)
        self.created_deals = Facts(deals, lambda deal: deal.created_at)
        self.created_units = Facts(self.crm.units, lambda unit: unit.created_at)
        self.created_leads = Facts(self.crm.leads, lambda lead: lead.created_at)
        self.started_requests = Facts(self.requests.requests, lambda request: request.start_at)
        self._clients_by_segment: dict[Segment, list[Client]] = {}
        for client in self.clients:
            for segment in client.segments.items():
                self._clients_by_segment.setdefault(segment, []).append(client)
        self._movements: dict[tuple[Period, str], Movement] = {}
        self._lives: dict[tuple[Period, str], LifeSoFar] = {}

    def _month_of(self, at: datetime) -> date:
        return period_start_of("month", self.run.local_date(at))

    @cached_property
    def months_with_activities(self) -> set[date]:
        return {self._month_of(activity.at) for activity in self.requests.activities}

    def _was_ignored(self, thread_id: str, since: datetime) -> bool:
        """No response at all; only judged of demand of months in which activities were recorded.

        A chat of which nobody can say whether it was answered was not ignored.
        """
        return self._month_of(
            since
        ) in self.months_with_activities and not self.requests.may_have_response(thread_id)

    def _lost_deal_was_ignored(self, deal: Deal) -> bool:
        lead = self.crm.leads_by_id.get(deal.lead_id)
        return self._was_ignored(deal.thread_id, lead.created_at if lead else deal.created_at)

    @cached_property
    def full_history_at(self) -> datetime | None:
        """From when on a client can have been lost: null without purchases and without the var."""
        given = text_of(self.run.vars["history_start_date"])
        purchases = [
            at
            for client in self.clients
            for at in client.times
            # a stray of years ago is before the first month
            if self._month_of(at) >= self.first_month
        ]
        if given:
            start = self.run.midnight(date.fromisoformat(given))
        elif purchases:
            start = self.run.midnight(self.run.local_date(min(purchases)))
        else:
            return None
        return start + self.run.inactivity

    def _is_too_near_the_start(self, at: datetime) -> bool:
        return self.full_history_at is not None and at < self.full_history_at

    # -- registry

    @cached_property
    def members(self) -> dict[str, list[str]]:
        crm = self.crm
        channels = {crm.channel(source_id) for source_id in crm.sources}
        employees = {thing.employee_id for thing in [*crm.leads, *crm.deals]}
        employees |= {request.employee_id for request in self.requests.requests}
        pipelines = {deal.pipeline_id for deal in crm.deals}
        pipelines |= {row["id"] for row in self.run.staged["crm_category"]}
        return {
            "all": ["all"],
            "channel": sorted(channels | self.costs.channels | {UNKNOWN}),
            "employee": sorted(employees | {UNKNOWN}),
            "pipeline": sorted(pipelines),
            "client_type": list(CLIENT_TYPES),
            "client_history": ["new", "returning"],
            "request_channel": list(CHANNELS),
            "process_category": list(PROCESS_CATEGORIES),
            **{
                name: sorted(
                    {thing.custom.get(name, UNKNOWN) for thing in [*crm.leads, *crm.deals]}
                    | {UNKNOWN}
                )
                for name in self.run.vars["custom_segments"]
            },
        }

    def segment_types(self, code: str) -> list[str]:
        """Those that the project has, and the company's own that its records can have."""
        is_of_demand = code in ("conversion", "lost_sales")
        is_of_deals = code in ("sales_cycle", "average_deal_size")
        demand_is_deals = self.run.vars["demand_entity"] == "deal"
        return [*SEGMENT_TYPES[code]] + [
            name
            for name, segment in self.run.vars["custom_segments"].items()
            if is_of_deals or (is_of_demand and (segment["table"] == "crm_lead" or demand_is_deals))
        ]

    @cached_property
    def names(self) -> dict[Segment, str]:
        """Names of the members that have one; the rest go by their ids."""
        staged = self.run.staged
        fixed = ["request_channel", "process_category", "client_type", "client_history"]
        names = {
            (kind, member): member.replace("_", " ").capitalize()
            for kind in ["all", *fixed]
            for member in self.members[kind]
        }
        names |= self._channel_names
        names |= {
            ("pipeline", row["id"]): row["name"] for row in staged["crm_category"] if row["name"]
        }
        for row in staged["users"]:
            name = " ".join(part for part in (row["name"], row["last_name"]) if part)
            if name:
                names["employee", row["id"]] = name
        kinds = ("channel", "employee", *self.run.vars["custom_segments"])
        return names | {(kind, UNKNOWN): "Unknown" for kind in kinds}

    @cached_property
    def _channel_names(self) -> dict[Segment, str]:
        """The seed's name, else the portal's name of the source, else the source; the least.

        A source is one whatever its case, as in ``Crm.channel``.
        """
        of_source = {
            row["status_id"].upper(): row["name"]
            for row in self.run.staged["crm_status"]
            if row["entity_id"] == "SOURCE" and row["name"]
        }
        mapped = {
            row["source_id"].upper(): row["channel_name"] for row in self.run.seeds["channels"]
        }
        found: dict[str, set[str]] = {}
        for row in self.run.seeds["channels"]:
            if row["channel_name"]:
                found.setdefault(row["channel_id"], set()).add(row["channel_name"])
        for source_id in self.crm.sources - {None}:
            key = source_id.upper()
            name = mapped.get(key) or of_source.get(key) or source_id
            found.setdefault(self.crm.channel(source_id), set()).add(name)
        return {("channel", channel_id): min(names) for channel_id, names in found.items()}

    def table(self, code: str, figures: Callable[[Period, Segment], Row]) -> Table:
        """One row per period and segment of the registry."""
        headline = HEADLINES[code][0]
        rows: Table = {}
        for period in self.periods:
            for segment_type in self.segment_types(code):
                for segment_id in self.members[segment_type]:
                    segment = (segment_type, segment_id)
                    row = figures(period, segment)
                    if self._is_too_near_the_start(period.start_at):
                        row |= dict.fromkeys(FORCED_BY_THE_START.get(code, ()))
                        if segment_type == "client_history":
                            row[headline] = None
                    key = (period.grain, period.start, segment_type, segment_id)
                    rows[key] = {
                        "metric_key": "|".join([code, *map(str, key)]),
                        **period.keys,
                        "segment_type": segment_type,
                        "segment_id": segment_id,
                        "segment_name": self.names.get(segment, segment_id),
                        "value_status": self._status(code, period, segment_type, row[headline]),
                        **row,
                    }
        return rows

    def _status(self, code: str, period: Period, segment_type: str, value: Any) -> str:
        if (
            (code == "response_time" and not self.requests.has_activities)
            or (code == "cac" and not self.costs.exist)
            or (code == "automation_level" and not self.run.seeds["business_processes"])
        ):
            return "source_missing"
        is_forced = code in FORCED_BY_THE_START or segment_type == "client_history"
        if is_forced and self._is_too_near_the_start(period.start_at):
            return "history_too_short"
        is_ripe = code != "lost_sales" or period.end_at + DAY * 90 <= self.run.as_of
        if not period.is_complete or not is_ripe:
            return "too_early"
        return "no_data" if value is None else "measured"

    # -- 1 conversion

    def conversion(self, period: Period, segment: Segment) -> Row:
        span = (segment, period.start_at, period.cutoff_at)
        units = self.created_units.within(*span)
        closed_deals = len(self.won_deals.within(*span))
        excluded = 0
        if self.crm.demand_entity != "deal":
            excluded = sum(lead.outcome == "excluded" for lead in self.created_leads.within(*span))
        won = [unit for unit in units if unit.won_at]
        row = {
            "leads": len(units),
            "closed_deals": closed_deals,
            "conversion_pct": ratio(closed_deals, len(units), 100),
            "leads_won": len(won),
            "cohort_conversion_pct": ratio(len(won), len(units), 100),
        }
        for days in (30, 90):
            within = sum(unit.won_at - unit.created_at < DAY * days for unit in won)
            is_ripe = period.end_at + DAY * days <= self.run.as_of
            row[f"leads_won_within_{days}d"] = within
            row[f"won_within_{days}d_pct"] = ratio(within, len(units), 100) if is_ripe else None
        return row | {
            "leads_converted": sum(unit.is_converted for unit in units),
            "leads_junk": sum(unit.is_junk for unit in units),
            "excluded_leads": excluded,
        }

    # -- 2 response time

    def response_time(self, period: Period, segment: Segment) -> Row:
        requests = self.started_requests.within(segment, period.start_at, period.cutoff_at)
        answered = [request for request in requests if request.is_answered]
        unknown = sum(request.is_unknown for request in requests)
        horizon = self.run.response_horizon
        timed = [request for request in answered if request.waited is not None]
        averaged = [request for request in timed if not request.is_late(horizon)]
        as_of = self.run.as_of

        def averages(name: str, waits: list[timedelta]) -> Row:
            minutes = [wait / MINUTE for wait in waits]
            total = sum(waits, timedelta()) / MINUTE
            return {
                f"total_response_{name}": total,
                f"avg_response_{name}": ratio(total, len(minutes)),
                f"median_response_{name}": percentile(minutes, 0.5),
                f"p90_response_{name}": percentile(minutes, 0.9),
            }

        def share(name: str, judge: Callable[[Request], bool | None]) -> Row:
            verdicts = [judge(request) for request in requests]
            judged = sum(verdict is not None for verdict in verdicts)
            within = sum(verdict is True for verdict in verdicts)
            return {
                f"requests_judged_{name}": judged,
                f"requests_within_{name}": within,
                f"within_{name}_pct": ratio(within, judged, 100),
            }

        return {
            "requests": len(requests),
            "answered_requests": len(answered),
            "unanswered_requests": len(requests) - len(answered) - unknown,
            "unknown_answers": unknown,
            "answered_late": len(timed) - len(averaged),
            "answered_without_time": len(answered) - len(timed),
            "averaged_requests": len(averaged),
            **averages("minutes", [request.waited for request in averaged]),
            **share("5_minutes", lambda request: request.within(MINUTE * 5, as_of)),
            **share("1_hour", lambda request: request.within(MINUTE * 60, as_of)),
            **share("sla", lambda request: request.within(self.run.sla, as_of)),
            **averages("working_minutes", [request.waited_working for request in averaged]),
            **share("sla_working", lambda request: request.within_working(self.run.sla)),
        }

    # -- 3 retention, 4 churn

    def _movements_of(self, period: Period, segment: Segment) -> list[Movement]:
        found = []
        for client in self._clients_by_segment.get(segment, []):
            key = (period, client.id)
            if key not in self._movements:
                self._movements[key] = movement(client, period)
            found.append(self._movements[key])
        return found

    def retention(self, period: Period, segment: Segment) -> Row:
        moves = self._movements_of(period, segment)
        at_start = sum(move.at_start for move in moves)
        retained = sum(move.is_retained for move in moves)
        return {
            "clients_at_start": at_start,
            "new_clients": sum(move.is_new for move in moves),
            "reactivated_clients": sum(move.is_reactivated for move in moves),
            "churned_clients": sum(move.is_churned for move in moves),
            "clients_at_end": sum(move.at_end for move in moves),
            "retained_clients": retained,
            "retention_rate_pct": ratio(retained, at_start, 100),
        }

    def churn(self, period: Period, segment: Segment) -> Row:
        moves = self._movements_of(period, segment)
        at_start = sum(move.at_start for move in moves)
        new = sum(move.is_new for move in moves)
        reactivated = sum(move.is_reactivated for move in moves)
        churned = sum(move.is_churned for move in moves)
        in_period = at_start + new + reactivated
        churned_of_opening = at_start - sum(move.is_retained for move in moves)
        returned = sum(move.returned_later for move in moves)
        return {
            "clients_at_start": at_start,
            "new_clients": new,
            "reactivated_clients": reactivated,
            "clients_in_period": in_period,
            "churned_clients": churned,
            "churn_rate_pct": ratio(churned, in_period, 100),
            "churned_of_opening_clients": churned_of_opening,
            "churn_of_opening_pct": ratio(churned_of_opening, at_start, 100),
            "returned_later_clients": returned,
            "false_churn_pct": ratio(returned, churned, 100),
        }

    # -- 5 cost of acquisition

    def _new_clients(self, period: Period, segment: Segment) -> int:
        return sum(move.is_new for move in self._movements_of(period, segment))

    def cac(self, period: Period, segment: Segment) -> Row:
        costs, days = self.costs, (period.start, period.end)
        new_clients = self._new_clients(period, segment)
        all_new = self._new_clients(period, ("all", "all"))
        if segment[0] == "all":
            cost = {kind: money(costs.total(kind, *days)) for kind in COST_TYPES}
        else:
            before = sum(
                self._new_clients(period, ("channel", channel_id))
                for channel_id in self.members["channel"]
                if channel_id < segment[1]
            )
            share = (before, before + new_clients, all_new)
            cost = {kind: costs.of_channel(kind, segment[1], *days, share) for kind in COST_TYPES}
        acquisition = cost["marketing"] + cost["crm"]
        full = acquisition + cost["salary"] + cost["other"]
        divisor = new_clients if costs.exist else 0
        cac = ratio(acquisition, divisor)
        life = self.ltv(period, segment)
        monthly = product(
            life["average_order_value"],
            life["purchases_per_client_year"],
            self.run.margin,
            1 / 12,
        )
        is_comparable = cac is not None and life["ltv"] is not None
        return {
            **{f"{kind}_cost": cost[kind] for kind in COST_TYPES},
            "acquisition_cost": acquisition,
            "full_cost": full,
            "new_clients": new_clients,
            "cac": cac,
            "cac_full": ratio(full, divisor),
            "cac_marketing_only": ratio(cost["marketing"], divisor),
            "ltv": life["ltv"],
            "ltv_to_cac": ratio(life["ltv"], cac),
            "payback_months": ratio(cac, monthly),
            "is_unprofitable": cac > life["ltv"] if is_comparable else None,
        }

    # -- 6 sales cycle

    def sales_cycle(self, period: Period, segment: Segment) -> Row:
        cutoff = period.cutoff_at
        closed = self.won_deals.within(segment, period.start_at, cutoff)
        cycles = [deal.won_at - deal.first_contact_at for deal in closed]
        total = sum(cycles, timedelta()) / DAY
        ages = [
            cutoff - deal.first_contact_at
            for deal in self.created_deals.within(segment, None, cutoff)
            if deal.closed_at is None or deal.closed_at >= cutoff
        ]
        total_age = sum(ages, timedelta()) / DAY
        durations = []
        for deal in self.created_deals.within(segment, period.trailing_start_at, cutoff):
            is_won = deal.won_at is not None and deal.won_at < cutoff
            closed_at = deal.closed_at or cutoff
            durations.append((min(closed_at, cutoff) - deal.first_contact_at, is_won))
        median = median_survival(durations)
        return {
            "closed_deals": len(closed),
            "total_cycle_days": total,
            "avg_cycle_days": ratio(total, len(closed)),
            "median_cycle_days": percentile([cycle / DAY for cycle in cycles], 0.5),
            "p90_cycle_days": percentile([cycle / DAY for cycle in cycles], 0.9),
            "open_deals": len(ages),
            "total_open_age_days": total_age,
            "avg_open_age_days": ratio(total_age, len(ages)),
            "median_days_to_win_incl_open": None if median is None else median / DAY,
        }

    # -- 7 lifetime value

    def _lives_of(self, period: Period, segment: Segment) -> list[LifeSoFar]:
        found = []
        for client in self._clients_by_segment.get(segment, []):
            key = (period, client.id)
            if key not in self._lives:
                self._lives[key] = life_so_far(client, period)
            found.append(self._lives[key])
        return found

    def ltv(self, period: Period, segment: Segment) -> Row:
        lives = self._lives_of(period, segment)
        revenue = sum((life.revenue_in_window for life in lives), Decimal(0))
        purchases = sum(life.purchases_in_window for life in lives)
        active_years = years(sum((life.active_in_window for life in lives), timedelta()))
        churn_events = sum(life.churn_events for life in lives)
        clients = sum(life.is_client for life in lives)
        lifespan = years(sum((life.lifespan for life in lives), timedelta()))
        repeat = sum(life.purchases >= 2 for life in lives)
        historic = sum((life.revenue for life in lives), Decimal(0))
        order_value = ratio(revenue, purchases)
        frequency = ratio(purchases, active_years)
        avg_lifespan = ratio(lifespan, clients)
        is_known = (
            not self._is_too_near_the_start(period.trailing_start_at)
            and churn_events >= self.run.min_sample_size
        )
        expected = ratio(active_years, churn_events) if is_known else None
        margin = self.run.margin
        return {
            "revenue": money(revenue),
            "purchases": purchases,
            "active_client_years": active_years,
            "average_order_value": order_value,
            "purchases_per_client_year": frequency,
            "clients": clients,
            "total_lifespan_years": lifespan,
            "avg_lifespan_years": avg_lifespan,
            "gross_margin_rate": margin,
            "ltv": product(order_value, frequency, avg_lifespan, margin),
            "churn_events": churn_events,
            "expected_lifespan_years": expected,
            "ltv_expected": product(order_value, frequency, expected, margin),
            "repeat_clients": repeat,
            "repeat_purchase_rate_pct": ratio(repeat, clients, 100),
            "historic_revenue": money(historic),
            "historic_ltv": ratio(historic, clients),
        }

    # -- 8 average deal size

    def average_deal_size(self, period: Period, segment: Segment) -> Row:
        amounts = [
            deal.amount
            for deal in self.won_deals.within(segment, period.start_at, period.cutoff_at)
        ]
        revenue = sum(amounts, Decimal(0))
        largest = max(amounts, default=None)
        return {
            "closed_deals": len(amounts),
            "revenue": money(revenue),
            "average_deal_size": ratio(revenue, len(amounts)),
            "median_deal_size": percentile(amounts, 0.5),
            "zero_amount_deals": sum(amount == 0 for amount in amounts),
            "largest_deal_amount": None if largest is None else money(largest),
            "largest_deal_share_pct": ratio(largest, revenue, 100),
        }

    # -- 9 automation

    def automation_level(self, period: Period, segment: Segment) -> Row:
        day = min(period.end, self.run.as_of_date)
        existing = [
            process
            for process in self.run.seeds["business_processes"]
            if segment[1] in ("all", process["category"])
            and (process["exists_from"] is None or process["exists_from"] <= day)
            and (process["exists_to"] is None or process["exists_to"] >= day)
        ]
        automated = sum(
            process["automated_from"] is not None
            and process["automated_from"] <= day
            and (process["automated_to"] is None or process["automated_to"] >= day)
            for process in existing
        )
        events = robots = None
        if segment[1] in ("all", "client_mailings") and self.requests.has_activities:
            messages = [
                activity
                for activity in self.requests.activities
                if activity.is_message_out and period.start_at <= activity.at < period.cutoff_at
            ]
            events = len(messages)
            robots = sum(message.is_by_robot for message in messages)
        return {
            "total_processes": len(existing),
            "automated_processes": automated,
            "automation_level_pct": ratio(automated, len(existing), 100),
            "total_events": events,
            "automated_events": robots,
            "automated_events_pct": ratio(robots, events, 100),
        }

    # -- 10 lost sales

    @cached_property
    def _complete_months(self) -> list[Period]:
        return [p for p in self.periods if p.grain == "month" and p.is_complete]

    def _forecast_annual_demand(self, period: Period, segment: Segment) -> float | None:
        months = [month for month in self._complete_months if month.end <= period.end][-12:]
        if not months:
            return None
        demand = sum(
            len(self.created_units.within(segment, month.start_at, month.end_at))
            for month in months
        )
        return demand * 12 / len(months)

    def _unit_price(self, period: Period, segment: Segment) -> float | None:
        for start in (period.start_at, period.trailing_start_at):
            deals = self.won_deals.within(segment, start, period.cutoff_at)
            if deals:
                return ratio(sum(deal.amount for deal in deals), len(deals))
        return None

    def lost_sales(self, period: Period, segment: Segment) -> Row:
        span = (segment, period.start_at, period.cutoff_at)
        units = self.created_units.within(*span)
        demand = len(units)
        fulfilled = sum(unit.won_at is not None for unit in units)
        lost = sum(unit.is_lost_for_organisational_reasons for unit in units)
        unit_price = self._unit_price(period, segment)
        lost_sales = None
        if demand:
            lost_sales = product(unit_price, lost) if lost else 0.0
        forecast = self._forecast_annual_demand(period, segment)
        lost_deals = self.lost_deals.within(*span)
        organisational = [
            deal
            for deal in lost_deals
            if self.crm.is_organisational(("deal", deal.stage_id))
            or self._lost_deal_was_ignored(deal)
        ]
        answered = [
            unit
            for unit in self.created_units.within(
                segment, period.trailing_start_at, period.cutoff_at
            )
            if self.requests.has_response(unit.thread_id)
        ]
        answered_won = sum(unit.won_at is not None for unit in answered)
        win_rate = ratio(answered_won, len(answered))
        expected = None
        if demand:
            expected = product(unit_price, win_rate, lost) if lost else 0.0
        return {
            "demand": demand,
            "fulfilled": fulfilled,
            "unit_fulfillment_rate": ratio(fulfilled, demand),
            "lost_for_organisational_reasons": lost,
            "shortfall_factor": ratio(lost, demand - fulfilled),
            "unit_price": unit_price,
            "lost_sales": lost_sales,
            "trailing_answered_demand": len(answered),
            "trailing_answered_demand_won": answered_won,
            "answered_win_rate": win_rate,
            "lost_sales_expected": expected,
            "forecast_annual_demand": forecast,
            "forecast_annual_lost_sales": product(ratio(lost_sales, demand), forecast),
            "lost_deals": len(lost_deals),
            "lost_deal_amount": money(sum((deal.amount for deal in lost_deals), Decimal(0))),
            "lost_deals_organisational": len(organisational),
            "lost_deal_amount_organisational": money(
                sum((deal.amount for deal in organisational), Decimal(0))
            ),
        }

    # -- the long union

    def metric_values(self, tables: dict[str, Table]) -> dict[str, Row]:
        """Rows by ``metric_key``."""
        units = {row["metric_code"]: row["unit"] for row in self.run.seeds["metric_catalog"]}
        values = {}
        for code, table in tables.items():
            headline, numerator, denominator = HEADLINES[code]
            for row in table.values():
                if code == "ltv":
                    above = product(row["revenue"], self.run.margin, row["avg_lifespan_years"])
                else:
                    above = row[numerator]
                values[row["metric_key"]] = {
                    "metric_key": row["metric_key"],
                    "metric_code": code,
                    "period_grain": row["period_grain"],
                    "period_start": row["period_start"],
                    "period_end": row["period_end"],
                    "is_complete": row["is_complete"],
                    "segment_type": row["segment_type"],
                    "segment_id": row["segment_id"],
                    "segment_name": row["segment_name"],
                    "value": _float(row[headline]),
                    "numerator": _float(above),
                    "denominator": _float(row[denominator]) if denominator else None,
                    "unit": units.get(code),
                    "value_status": row["value_status"],
                }
        return values

    def tables(self) -> dict[str, Table]:
        return {code: self.table(code, getattr(self, code)) for code in SEGMENT_TYPES}

    # -- detail marts

    def loss_by_stage(self) -> dict[tuple[str, date, str, str, str], Row]:
        """One row per period, pipeline, stage and loss reason (and reason ``all``)."""
        rows = {}
        for period in self.periods:
            lost = self.lost_deals.within(("all", "all"), period.start_at, period.cutoff_at)
            by_stage: dict[tuple[str, str], dict[str, list]] = {}
            for deal in lost:
                reasons = by_stage.setdefault((deal.pipeline_id, deal.lost_from_stage_id), {})
                reason = self.crm.loss_reasons.get(("deal", deal.stage_id))
                reason_id = reason["loss_reason_id"] if reason else UNKNOWN
                reasons.setdefault(reason_id, []).append(deal)
                reasons.setdefault("all", []).append(deal)
            for (pipeline_id, stage_id), reasons in by_stage.items():
                for reason_id, deals in reasons.items():
                    key = (period.grain, period.start, pipeline_id, stage_id, reason_id)
                    rows[key] = {
                        **period.keys,
                        "pipeline_id": pipeline_id,
                        "stage_id": stage_id,
                        "loss_reason_id": reason_id,
                        "lost_deals": len(deals),
                        "lost_amount": money(sum((d.amount for d in deals), Decimal(0))),
                        "share_of_losses_pct": ratio(len(deals), len(lost), 100),
                        "share_of_stage_losses_pct": ratio(len(deals), len(reasons["all"]), 100),
                    }
        return rows

    def deal_stage_durations(self) -> dict[tuple[str, str], Row]:
        """One row per pipeline and in-progress stage that deals have visited.

        A visit is an unbroken run of history rows of one stage. It ends with the next row of
        another stage, or with the closing of a deal whose history does not show it.
        """
        visits: dict[tuple[str, str], list[tuple[timedelta, str | None]]] = {}
        for deal in self.crm.deals:
            steps = deal.steps
            index = 0
            while index < len(steps):
                step = steps[index]
                place = (step.pipeline_id, step.stage_id)
                following = index + 1
                while (
                    following < len(steps)
                    and (steps[following].pipeline_id, steps[following].stage_id) == place
                ):
                    following += 1
                if step.semantic == "P":
                    left_at, left_to = self._exit(deal, step, steps[following : following + 1])
                    visits.setdefault(place, []).append(
                        ((left_at or self.run.as_of) - step.at, left_to)
                    )
                index = following
        rows = {}
        for place, found in visits.items():
            finished = [stay / DAY for stay, left_to in found if left_to]
            still_there = [stay / DAY for stay, left_to in found if left_to is None]
            p90 = percentile(finished, 0.9)
            stuck = sum(p90 is not None and age > p90 for age in still_there)
            exits = [left_to for _, left_to in found]
            status = self.crm.status(*place)
            rows[place] = {
                "pipeline_id": place[0],
                "stage_id": place[1],
                "stage_sort": status["sort"] if status else None,
                "visits": len(found),
                "open_visits": len(still_there),
                "avg_days": ratio(sum(finished), len(finished)),
                "median_days": percentile(finished, 0.5),
                "p90_days": p90,
                "exits_forward": exits.count("forward"),
                "exits_back": exits.count("back"),
                "exits_lost": exits.count("lost"),
                "exits_won": exits.count("won"),
                "stuck_visits": stuck,
                "stuck_pct": ratio(stuck, len(still_there), 100),
            }
        return rows

    def _exit(self, deal, step, following: list) -> tuple[datetime | None, str | None]:
        if not following:
            if deal.closed_at is None:
                return None, None
            return max(deal.closed_at, step.at), "won" if deal.won_at else "lost"
        after = following[0]
        if after.semantic in "SF":
            return after.at, {"S": "won", "F": "lost"}[after.semantic]
        here = self.crm.status(step.pipeline_id, step.stage_id)
        there = self.crm.status(after.pipeline_id, after.stage_id)
        orders = [row["sort"] if row else None for row in (here, there)]
        is_back = None not in orders and orders[1] < orders[0]
        return after.at, "back" if is_back else "forward"


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
