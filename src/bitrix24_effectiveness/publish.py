"""Marts that passed their tests -> what BI tools read; and back to what they read before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bitrix24_effectiveness.alerts import Alert, keep_alerts
from bitrix24_effectiveness.build import kept_passed, passed_marts, passed_settings
from bitrix24_effectiveness.changes import Changes, keep_changes
from bitrix24_effectiveness.errors import ConfigurationError, CrmEffectError
from bitrix24_effectiveness.explain import period_name
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.unchanged import forget
from bitrix24_effectiveness.warehouse import warehouse_of
from bitrix24_effectiveness.warehouse.kept import METRIC_ALERTS, METRIC_CHANGES

_Found = TypeVar("_Found")

_SHOWN = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class Publication:
    """What a publication brings that people may want to hear of."""

    changes: Changes | None
    """What it changes of the past; None: that is not known."""
    alerts: list[Alert]
    """Those that were not told before."""


def publish(project: Project, log: Log) -> Publication:
    """Puts the marts of the last build in the place of those published before, all at once.

    Raises:
        DataError: the last build did not pass, so there is nothing that may be published.
        ConfigurationError: the marts cannot be read or written.
        AnotherRunError: readers do not let go of those published before.
    """
    marts = passed_marts(project)
    settings = passed_settings(project)
    changes = _beside(
        lambda project, _: keep_changes(project, settings), project, METRIC_CHANGES, log
    )
    alerts = _beside(keep_alerts, project, METRIC_ALERTS, log)
    where = warehouse_of(project).publish(marts, settings)
    log.event("published", f"{len(marts)} marts are published in {where}", tables=len(marts))
    if changes:
        _tell(project, changes, log)
    return Publication(changes, alerts or [])


def _beside(
    find: Callable[[Project, Log], _Found], project: Project, table: str, log: Log
) -> _Found | None:
    """Finds what is kept beside the marts; that it cannot be is no reason not to publish."""
    try:
        with kept_passed(project):
            return find(project, log)
    except CrmEffectError as error:
        log.event(
            "not_kept",
            f"{table} was not written: {error}",
            "warning",
            table=table,
            why=str(error),
        )
        return None


def _tell(project: Project, changes: Changes, log: Log) -> None:
    percent = project.change_warning
    above = changes.above(percent)
    if not above:
        return
    first = above[0]
    log.event(
        "past_changed",
        f"{len(above)} published figures of complete periods have changed by more than "
        f"{percent:g} %; the first: {first.metric_code} of "
        f"{period_name(first.period_grain, first.period_start)}, {_figure(first.old_value)} before "
        f"and {_figure(first.new_value)} now ({first.why}); all: table metric_changes",
        "warning",
        n=len(above),
        percent=f"{percent:g}",
        metric=first.metric_code,
        period=period_name(first.period_grain, first.period_start),
        old=_figure(first.old_value),
        new=_figure(first.new_value),
        why=first.why,
    )


def _figure(value: float | None) -> str:
    return "\N{EN DASH}" if value is None else f"{value:.4g}"


def rollback(project: Project, log: Log, to: str | None = None) -> None:
    """Makes an earlier publication the current one, all at once; the current one is kept.

    The next run builds and publishes again, whether its input has changed or not.

    Args:
        project: Where the publications are.
        log: Says which it is now.
        to: How the UTC instant of the wanted one begins, such as `2026-11-25T03:10`; None: the
            newest that is older than the current one.

    Raises:
        ConfigurationError: there is no such publication, or it cannot be read.
        AnotherRunError: readers do not let go of the current one.
    """
    warehouse = warehouse_of(project)
    kept = warehouse.publications()
    if to is None:
        current = warehouse.publication()
        found = [one for one in kept if current is None or one < current][:1]
    else:
        found = [one for one in kept if one.isoformat().startswith(to)]
    if len(found) != 1:
        shown = ", ".join(f"{one:{_SHOWN}}" for one in kept) or "none"
        what = "none that is older" if to is None else f"not one that begins with {to}"
        raise ConfigurationError(f"publications that are kept: {shown}; {what}")
    warehouse.make_current(found[0])
    forget(project)
    at = f"{found[0]:{_SHOWN}}"
    log.event(
        "rolled_back",
        f"the publication of {at} UTC is current again; the next run publishes anew",
        at=at,
    )


def say_publications(project: Project, log: Log) -> None:
    """Says which publications there are, the newest first, and which of them is current."""
    warehouse = warehouse_of(project)
    current: datetime | None = warehouse.publication()
    there = [*warehouse.publications(), *([current] if current else [])]
    for one in sorted(there, reverse=True):
        at = f"{one:{_SHOWN}}"
        which = "current" if one == current else "kept"
        log.event(f"publication_{which}", f"{at} UTC, {which}", at=at)
