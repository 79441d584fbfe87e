"""Clients: purchases, activity, cohorts."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from .arithmetic import YEAR, money, ratio
from .context import Period, Run, add_months, period_start_of
from .crm import Deal, client_type_of


@dataclass
class Client:
    """A client with at least one purchase; ``purchases`` in order of (won_at, id)."""

    id: str
    purchases: list[Deal]
    inactivity: timedelta

    @cached_property
    def segments(self) -> dict[str, str]:
        return {
            "all": "all",
            "channel": self.purchases[0].channel_id,
            "client_type": client_type_of(self.id),
        }

    @cached_property
    def times(self) -> list[datetime]:
        return [deal.won_at for deal in self.purchases]

    def bought_before(self, at: datetime) -> int:
        return bisect_left(self.times, at)

    def is_active(self, at: datetime) -> bool:
        count = self.bought_before(at)
        return count > 0 and at - self.times[count - 1] < self.inactivity

    def active_spans(self, until: datetime) -> list[tuple[datetime, datetime]]:
        """Union of [purchase, purchase + inactivity) over the purchases before ``until``."""
        spans: list[tuple[datetime, datetime]] = []
        for at in self.times[: self.bought_before(until)]:
            if spans and at <= spans[-1][1]:
                spans[-1] = (spans[-1][0], at + self.inactivity)
            else:
                spans.append((at, at + self.inactivity))
        return spans


@dataclass(frozen=True)
class Movement:
    """What happened to one client in one period."""

    at_start: bool
    is_new: bool
    is_reactivated: bool
    is_churned: bool
    at_end: bool
    is_retained: bool
    returned_later: bool


def movement(client: Client, period: Period) -> Movement:
    start, end = period.start_at, period.cutoff_at
    at_start = client.is_active(start)
    at_end = client.is_active(end)
    before_start, before_end = client.bought_before(start), client.bought_before(end)
    bought = before_end > before_start
    is_churned = (at_start or bought) and not at_end
    return Movement(
        at_start=at_start,
        is_new=bought and before_start == 0,
        is_reactivated=bought and before_start > 0 and not at_start,
        is_churned=is_churned,
        at_end=at_end,
        is_retained=at_start and at_end,
        returned_later=is_churned and len(client.times) > before_end,
    )


@dataclass(frozen=True)
class LifeSoFar:
    """One client seen from a period's cutoff; years are of 365.25 days."""

    purchases_in_window: int
    revenue_in_window: Decimal
    active_in_window: timedelta
    churn_events: int
    is_client: bool
    lifespan: timedelta
    purchases: int
    revenue: Decimal


def life_so_far(client: Client, period: Period) -> LifeSoFar:
    start, end = period.trailing_start_at, period.cutoff_at
    to_date = client.purchases[: client.bought_before(end)]
    in_window = to_date[client.bought_before(start) :]
    spans = client.active_spans(end)
    zero = timedelta()
    return LifeSoFar(
        purchases_in_window=len(in_window),
        revenue_in_window=sum((deal.amount for deal in in_window), Decimal(0)),
        active_in_window=sum(
            (max(min(until, end) - max(since, start), zero) for since, until in spans), zero
        ),
        churn_events=sum(start <= until < end for _, until in spans),
        is_client=bool(to_date),
        lifespan=sum((min(until, end) - since for since, until in spans), zero),
        purchases=len(to_date),
        revenue=sum((deal.amount for deal in to_date), Decimal(0)),
    )


def years(duration: timedelta) -> float:
    return duration / YEAR


def clients_of(run: Run, deals: list[Deal]) -> list[Client]:
    purchases: dict[str, list[Deal]] = {}
    for deal in deals:
        if deal.won_at and deal.client_id:
            purchases.setdefault(deal.client_id, []).append(deal)
    return [
        Client(client_id, sorted(won, key=lambda deal: (deal.won_at, deal.number)), run.inactivity)
        for client_id, won in purchases.items()
    ]


def client_cohorts(run: Run, clients: list[Client]) -> dict[tuple[date, int], dict[str, Any]]:
    """One row per month of first purchase and months since, to the month of ``as_of``."""
    cohorts: dict[date, list[Client]] = {}
    for client in clients:
        month = period_start_of("month", run.local_date(client.times[0]))
        cohorts.setdefault(month, []).append(client)
    rows = {}
    for cohort_month, members in cohorts.items():
        month, months_since, cumulative = cohort_month, 0, Decimal(0)
        while month <= run.as_of_date:
            following = add_months(month, 1)
            start = run.midnight(month)
            end = min(run.midnight(following), run.data_end)
            purchases = [
                deal
                for client in members
                for deal in client.purchases[
                    client.bought_before(start) : client.bought_before(end)
                ]
            ]
            revenue = sum((deal.amount for deal in purchases), Decimal(0))
            cumulative += revenue
            active = sum(client.is_active(end) for client in members)
            rows[cohort_month, months_since] = {
                "cohort_month": cohort_month,
                "months_since": months_since,
                "period_month": month,
                "clients": len(members),
                "active_clients": active,
                "purchasing_clients": len({deal.client_id for deal in purchases}),
                "retention_pct": ratio(active, len(members), 100),
                "revenue": money(revenue),
                "cumulative_revenue": money(cumulative),
                "cumulative_revenue_per_client": ratio(cumulative, len(members)),
            }
            month, months_since = following, months_since + 1
    return rows
