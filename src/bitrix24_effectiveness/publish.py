"""Marts that passed their tests -> what BI tools read; and back to what they read before."""

from __future__ import annotations

from datetime import datetime

from bitrix24_effectiveness.build import passed_marts
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.unchanged import forget
from bitrix24_effectiveness.warehouse import warehouse_of

_SHOWN = "%Y-%m-%dT%H:%M:%S"


def publish(project: Project, log: Log) -> None:
    """Puts the marts of the last build in the place of those published before, all at once.

    Raises:
        DataError: the last build did not pass, so there is nothing that may be published.
        ConfigurationError: the marts cannot be read or written.
        AnotherRunError: readers do not let go of those published before.
    """
    marts = passed_marts(project)
    where = warehouse_of(project).publish(marts)
    log.event("published", f"{len(marts)} marts are published in {where}", tables=len(marts))


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
        f"current is the publication of {at} UTC again; the next run publishes anew",
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
