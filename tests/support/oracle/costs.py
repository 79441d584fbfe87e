"""Costs: converted, spread over days, shared between channels."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from .arithmetic import DAY, money
from .context import Run
from .crm import UNKNOWN

COST_TYPES = ("marketing", "crm", "salary", "other")
COMPANY_WIDE = ""


class Costs:
    """Cost of each day by (cost type, channel), from the first data month to ``as_of``."""

    def __init__(self, run: Run, first_month: date):
        self.channels = {row["channel"] for row in run.seeds["costs"]} - {None}
        days: dict[tuple[str, str], dict[date, Decimal]] = {}
        for row in run.seeds["costs"]:
            amount = run.in_base(row["amount"], row["currency"], row["date_from"])
            for day, share in spread(amount, row["date_from"], row["date_to"]):
                if first_month <= day <= run.as_of_date:
                    of_key = days.setdefault((row["cost_type"], row["channel"] or COMPANY_WIDE), {})
                    of_key[day] = of_key.get(day, Decimal(0)) + share
        self.exist = bool(days)
        self._days: dict[tuple[str, str], tuple[list[date], list[Decimal]]] = {}
        for key, shares in days.items():
            ordered = sorted(shares)
            running = [Decimal(0)]
            for day in ordered:
                running.append(running[-1] + shares[day])
            self._days[key] = (ordered, running)

    def own(self, cost_type: str, channel_id: str, start: date, end: date) -> Decimal:
        """Paid for the channel (or for the whole company) from ``start`` to ``end`` inclusive."""
        if (cost_type, channel_id) not in self._days:
            return Decimal(0)
        ordered, running = self._days[cost_type, channel_id]
        return running[bisect_right(ordered, end)] - running[bisect_left(ordered, start)]

    def total(self, cost_type: str, start: date, end: date) -> Decimal:
        return sum(
            (
                self.own(cost_type, channel_id, start, end)
                for kind, channel_id in self._days
                if kind == cost_type
            ),
            Decimal(0),
        )

    def of_channel(
        self,
        cost_type: str,
        channel_id: str,
        start: date,
        end: date,
        share: tuple[int, int, int],
    ) -> Decimal:
        """Own costs and the channel's share of company-wide ones.

        ``share``: new clients of the channels before this one (by id), with this one, and of all.
        The share is the difference of two rounded running totals, so that channels add up. With no
        new client at all, company-wide costs stay with ``unknown``.
        """
        own = self.own(cost_type, channel_id, start, end)
        company_wide = self.own(cost_type, COMPANY_WIDE, start, end)
        before, with_this, of_all = share
        if not of_all:
            return own + (company_wide if channel_id == UNKNOWN else 0)
        whole = Fraction(company_wide)
        return own + money(whole * with_this / of_all) - money(whole * before / of_all)


def spread(amount: Decimal, first: date, last: date) -> Iterable[tuple[date, Decimal]]:
    days = (last - first).days + 1
    paid = Decimal(0)
    for number in range(1, days + 1):
        paid_until = money(Fraction(amount) * number / days)
        yield first + DAY * (number - 1), paid_until - paid
        paid = paid_until
