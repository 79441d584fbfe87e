"""Marts that passed their tests -> what BI tools read."""

from __future__ import annotations

from bitrix24_effectiveness.build import passed_marts
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of


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
