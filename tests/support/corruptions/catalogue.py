"""The register of corruptions, and what the modules beside it spoil portals with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from corruptions.healthy import Portal, Row


@dataclass(frozen=True)
class Stopped:
    """The guard stops the run; its message names exactly these checks (`table.check`), or more."""

    checks: tuple[str, ...]
    and_more: bool = False


@dataclass(frozen=True)
class Refused:
    """The run does not begin: what is required is absent, and the message names it."""

    names: str


@dataclass(frozen=True)
class StoppedByTest:
    """The build stops, and nothing is published: a dbt test finds rows that hold this text."""

    test: str
    names: str


@dataclass(frozen=True)
class Rejected:
    """The spoiled rows are rejected for this reason; the marts are those of the others."""

    table: str
    reason: str


@dataclass(frozen=True)
class Neutralised:
    """The marts are those of the healthy portal."""


@dataclass(frozen=True)
class Warned:
    """The guard shows these checks (`table.check`), and the run goes on."""

    checks: tuple[str, ...]


Outcome = Warned | Stopped | Refused | StoppedByTest | Rejected | Neutralised


@dataclass(frozen=True)
class Corruption:
    """A way in which raw data go wrong."""

    name: str
    reality: str
    group: str
    spoil: Callable[[Portal], None]
    outcome: Outcome


CATALOGUE: dict[str, Corruption] = {}


def _register(outcome: Outcome) -> Callable[[Callable[[Portal], None]], Callable[[Portal], None]]:
    def register(spoil: Callable[[Portal], None]) -> Callable[[Portal], None]:
        name = spoil.__name__.replace("_", " ")
        assert name not in CATALOGUE and spoil.__doc__
        group = spoil.__module__.rpartition(".")[2]
        CATALOGUE[name] = Corruption(name, spoil.__doc__.strip(), group, spoil, outcome)
        return spoil

    return register


def stopped(*checks: str, and_more: bool = False):
    return _register(Stopped(tuple(sorted(checks)), and_more))


def warned(*checks: str):
    return _register(Warned(tuple(sorted(checks))))


def refused(names: str):
    return _register(Refused(names))


def stopped_by_test(test: str, names: str):
    return _register(StoppedByTest(test, names))


def rejected(table: str, reason: str):
    return _register(Rejected(table, reason))


neutralised = _register(Neutralised())


def all_at_once(healthy: Portal, *outcomes: type) -> Portal:
    """The healthy portal with all corruptions of these outcomes, but those that hide others.

    Others are hidden where a column or half of a table is gone.
    """
    portal = healthy
    for corruption in CATALOGUE.values():
        if not isinstance(corruption.outcome, outcomes):
            continue
        spoiled = copy.deepcopy(portal)
        try:
            corruption.spoil(spoiled)
        except (KeyError, ValueError):
            # it builds on what another one has spoiled
            continue
        if all(
            len(got := spoiled.get(table, [])) > len(rows) / 2 and got[0].keys() >= rows[0].keys()
            for table, rows in healthy.items()
        ):
            portal = spoiled
    return portal


def victim(portal: Portal, table: str) -> Row:
    """The one row that a corruption of a single row spoils."""
    return portal[table][5]


def each(portal: Portal, table: str, column: str, change: Callable[[str], str | None]) -> None:
    """Changes every value of a column that is filled."""
    for row in portal[table]:
        if row[column]:
            row[column] = change(row[column])


def times(portal: Portal, change: Callable[[str], str | None]) -> None:
    """Changes every timestamp of the portal."""
    for table, columns in TIMES.items():
        for column in columns:
            each(portal, table, column, change)


TIMES = {
    "crm_deal": ("date_create", "date_modify", "moved_time", "closedate"),
    "crm_lead": ("date_create", "date_modify", "moved_time"),
    "crm_deal_stage_history": ("created_time",),
    "crm_lead_status_history": ("created_time",),
    "crm_activity": ("created", "start_time", "last_updated"),
    "openline_message": ("sent_at",),
    "telephony_call": ("call_start_date",),
    "tasks": ("created_date", "closed_date"),
}
