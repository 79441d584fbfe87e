"""The guard on small portals held in Python."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from bitrix24_effectiveness.build import Dbt, build_base
from bitrix24_effectiveness.guard import Finding, check_raw_tables, read_suites
from bitrix24_effectiveness.guard.judge import Suites
from bitrix24_effectiveness.guard.views import CREATED
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from corruptions.catalogue import all_at_once
from corruptions.healthy import healthy_portal
from harness import load_rows, read_by_the_parser, type_of
from oracle.reading import COLUMNS
from running import REPOSITORY


def write_portal(
    path: Path, portal: dict[str, list[dict]], healthy: tuple[Path, dict] | None = None
) -> None:
    """Writes the tables of a portal; columns are those of the rows, else of the contract.

    What is equal to a `healthy` portal is taken from the file that holds it.
    """
    path.unlink(missing_ok=True)
    present: dict[str, list[dict]] = {}
    if healthy:
        shutil.copyfile(healthy[0], path)
        present = healthy[1]
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists bitrix24")
        for table in present:
            if portal.get(table) != present[table]:
                connection.execute(f"drop table bitrix24.{table}")
        for table, rows in portal.items():
            if present.get(table) == rows:
                continue
            columns = list(rows[0]) if rows else list(COLUMNS[table])
            types = {column: type_of(rows, column) for column in columns}
            load_rows(connection, f"bitrix24.{table}", types, rows)


def observed(findings: list[Finding]) -> dict[tuple[str, str], str]:
    """What a later run remembers of an accepted one."""
    return {(finding.table, finding.check): finding.observed for finding in findings}


def compared(findings: list[Finding]) -> dict[tuple[str, str], tuple]:
    """What findings must have in common on all engines."""
    return {
        (finding.table, finding.check): (
            finding.passed,
            # a mean is a decimal on one engine and a double on the other
            finding.observed[:12] if finding.check == "mean_amount" else finding.observed,
            # of many, some are kept
            sorted(finding.failing_keys) if len(finding.failing_keys) < 20 else "many",
        )
        for finding in findings
    }


_manifests: dict[str, Any] = {}


def findings_of(
    project: Project,
    now: datetime,
    before: dict[tuple[str, str], str],
    suites: Suites | None = None,
) -> list[Finding]:
    """Builds the base tables and judges them; dbt reads the project once, where it can."""
    log = Log("text")
    names = read_by_the_parser(project.given_vars)
    same = str((project.target, project.warehouse_db.name, names))
    dbt = Dbt(project, log, _manifests.get(same))
    manifest = _manifests[same] = dbt.manifest
    every_node = manifest.nodes
    if suites is not None:
        asked = tables_asked(suites)
        manifest.nodes = {
            key: node
            for key, node in every_node.items()
            if str(node.resource_type) != "model"
            or asked.issuperset(table for _, table in node.sources)
        }
    try:
        base_tables = build_base(project, log, dbt)
        return check_raw_tables(project, base_tables, now, before, suites=suites)
    finally:
        manifest.nodes = every_node
        dbt.close()


def tables_asked(suites: Suites) -> set[str]:
    """The raw tables that the checks name, and those by which the engine knows the newest week."""
    asked = set(CREATED)
    for table, parts in suites.items():
        for expectations in parts.values():
            for expectation in expectations:
                asked |= {table, *words_of(expectation)}
    return asked


def words_of(expectation: dict[str, Any]) -> list[str]:
    words = re.findall(r"\w+", str(expectation["kwargs"]))
    return [*words, *CREATED] if "changes" in words else words


class Guarded:
    """A project whose raw database is rewritten for each portal."""

    def __init__(self, folder: Path, now: datetime, **environment: str) -> None:
        self.raw = folder / "raw.duckdb"
        self._now = now
        environment |= {"CRM_RAW_DB": str(self.raw), "CRM_WAREHOUSE_DB": str(folder / "w.duckdb")}
        self.project = Project(REPOSITORY, {}, environment)
        self.suites = read_suites(self.project)

    def check_healthy_and_spoiled(
        self, folder: Path, severity: str | None = None
    ) -> tuple[dict[tuple[str, str], str], list[Finding]]:
        """What is observed in the healthy portal, and found in it after all corruptions at once."""
        healthy = healthy_portal(folder)
        write_portal(self.raw, healthy)
        before = observed(self.check())
        write_portal(self.raw, all_at_once(healthy, object))
        findings = self.check(before, severity=severity)
        assert sum(not finding.passed for finding in findings) > 20
        return before, findings

    def check(
        self,
        before: dict[tuple[str, str], str] | None = None,
        of_tables: Collection[str] | None = None,
        severity: str | None = None,
        variables: dict[str, Any] | None = None,
    ) -> list[Finding]:
        """Findings of the checks that `suites_of` gives."""
        project = self.project
        if variables:
            project = Project(REPOSITORY, variables, project.environment)
        suites = self.suites_of(of_tables, severity)
        return findings_of(project, self._now, before or {}, suites=suites)

    def suites_of(
        self, of_tables: Collection[str] | None = None, severity: str | None = None
    ) -> dict[str, Any]:
        """All checks, or those of a severity, or that ask one of some tables."""

        def is_wanted(table: str, expectation: dict[str, Any]) -> bool:
            return (severity is None or expectation["severity"] == severity) and (
                of_tables is None or not {table, *words_of(expectation)}.isdisjoint(of_tables)
            )

        return {
            table: {
                part: [expectation for expectation in expectations if is_wanted(table, expectation)]
                for part, expectations in parts.items()
            }
            for table, parts in self.suites.items()
        }
