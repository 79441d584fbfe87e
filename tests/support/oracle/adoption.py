"""Whether people work in the CRM, month by month since go-live: section 11.9, from the raw rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .crm import UNKNOWN
from .metrics import Metrics, Row
from .reading import text_of

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Work:
    """An act of a person; ``at`` is None where nobody knows when, or whether."""

    thread_id: str
    employee_id: str
    at: datetime | None


def work_of(metrics: Metrics) -> list[Work]:
    """Calls out, calls picked up, letters and messages sent; no plans, no robots."""
    return [
        Work(
            activity.thread_id,
            activity.responder_id,
            activity.at if activity.has_time and not activity.is_unknown else None,
        )
        for activity in metrics.requests.activities
        if activity.is_response
        or activity.is_unknown
        or (activity.is_sent and not activity.is_by_robot)
    ]


def adoption(metrics: Metrics) -> dict[tuple[date, str], Row]:
    """A row per month that ends on or after go-live and member: "all", or an employee's id."""
    run, crm = metrics.run, metrics.crm
    given = text_of(run.vars.get("crm_go_live_date"))
    if not given or not metrics.periods:
        return {}
    go_live = date.fromisoformat(given)
    works = work_of(metrics)
    of_thread: dict[str, list[Work]] = {}
    for work in works:
        of_thread.setdefault(work.thread_id, []).append(work)

    def is_worked(thread_id: str, since: datetime | None, until: datetime) -> bool | None:
        found = of_thread.get(thread_id, [])
        times = [work.at for work in found if work.at is not None]
        if any((since is None or at >= since) and at < until for at in times):
            return True
        return None if any(work.at is None for work in found) else False

    def judged() -> Iterator[tuple[str, str, date, bool | None]]:
        for unit in crm.units:
            until = unit.created_at + DAY
            yield (
                "demand",
                unit.employee_id,
                run.local_date(unit.created_at),
                is_worked(unit.thread_id, None, until) if until <= run.as_of else None,
            )
        for deal in crm.deals:
            until = deal.created_at + WEEK
            yield (
                "deals",
                deal.employee_id,
                run.local_date(deal.created_at),
                is_worked(deal.thread_id, deal.created_at, until) if until <= run.as_of else None,
            )

    things = list(judged()) if metrics.requests.has_activities else []
    acts = [
        (work.employee_id, run.local_date(work.at))
        for work in works
        if work.at is not None and work.employee_id != UNKNOWN
    ]
    rows: dict[tuple[date, str], Row] = {}
    for period in metrics.periods:
        if period.grain != "month" or period.end < go_live:
            continue
        inside = [thing for thing in things if period.start <= thing[2] <= period.end]
        at_work = {who for who, day in acts if period.start <= day <= period.end}
        in_charge = at_work | {who for _, who, _, _ in inside if who != UNKNOWN}
        for member in ("all", *metrics.members["employee"]):
            row: Row = {
                "month_start": period.start,
                "segment_id": member,
                "employees_in_charge": len(in_charge & {member} if member != "all" else in_charge),
                "employees_at_work": len(at_work & {member} if member != "all" else at_work),
            }
            for kind in ("demand", "deals"):
                verdicts = [
                    verdict
                    for what, who, _, verdict in inside
                    if what == kind and member in ("all", who)
                ]
                row[f"{kind}_judged"] = sum(verdict is not None for verdict in verdicts)
                worked = "demand_touched" if kind == "demand" else "deals_with_activity"
                row[worked] = sum(verdict is True for verdict in verdicts)
            rows[period.start, member] = row
    return rows
