"""`data_quality_results`: what the guard found, kept over runs beside what dbt builds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy

from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.guard.dialect import beside_dbt
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

_COLUMNS = (
    "run_id text, raw_source text, is_accepted boolean, raw_table text, check_name text, "
    "severity text, passed boolean, observed text, failing_keys text"
)

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Finding:
    """What one check of one raw table came to.

    Attributes:
        table: Raw table.
        check: Name of the check, unique in its table.
        severity: `critical` stops the run, `warning` is shown; `accepted` would stop it, had not
            a person accepted that it fails.
        passed: False as well when the check could not be evaluated.
        observed: What was seen, as text; empty when there was nothing to judge.
        description: What the check demands.
        failing_keys: Up to 20 keys of rows that fail; never a value of a personal column.
    """

    table: str
    check: str
    severity: str
    passed: bool
    observed: str
    description: str = ""
    failing_keys: tuple[str, ...] = field(default=())

    @property
    def stops(self) -> bool:
        """Whether the run must not go on."""
        return self.severity == "critical" and not self.passed


def _engine(project: Project, is_beside_dbt: bool = False) -> sqlalchemy.Engine:
    options: dict[str, Any] = {"poolclass": sqlalchemy.pool.NullPool}
    if is_beside_dbt and project.target == "duckdb":
        # a file that dbt has open nobody else can open
        options["creator"] = beside_dbt
    return sqlalchemy.create_engine(warehouse_of(project).sqlalchemy_url, **options)


def _spark(project: Project) -> Any:
    from bitrix24_effectiveness.warehouse.spark import spark_session

    return spark_session(project)


def _table(project: Project) -> str:
    schema = project.schema("quality")
    return f"{schema if project.target == 'spark' else quote(schema)}.data_quality_results"


def _source(project: Project) -> str:
    """What runs must have in common to be comparable."""
    return f"{warehouse_of(project).raw_source}, schema {project.raw_schema}"


def observed_before(project: Project) -> dict[tuple[str, str], str]:
    """What each check (table, name) observed in the last accepted run on the same raw tables.

    Empty: there was none.
    """
    return {(row.raw_table, row.check_name): row.observed for row in _last_accepted_run(project)}


def accepted_before(project: Project) -> set[tuple[str, str]]:
    """Checks (table, name) whose failure was accepted in that run."""
    return {
        (row.raw_table, row.check_name)
        for row in _last_accepted_run(project)
        if row.severity == ACCEPTED
    }


def _last_accepted_run(project: Project) -> Sequence[Any]:
    table = _table(project)
    query = (
        f"select raw_table, check_name, severity, observed from {table} where run_id = "
        f"(select max(run_id) from {table} where is_accepted and raw_source = :source)"
    )
    source = {"source": _source(project)}
    if project.target == "spark":
        session = _spark(project)
        return session.sql(query, source).collect() if session.catalog.tableExists(table) else []
    with _engine(project).connect() as connection:
        is_there = _exists(connection, project.schema("quality"))
        return connection.execute(sqlalchemy.text(query), source).all() if is_there else []


def _exists(connection: sqlalchemy.Connection, schema: str) -> bool:
    return bool(
        connection.execute(
            sqlalchemy.text(
                "select count(*) from information_schema.tables where table_schema = :schema "
                "and table_name = 'data_quality_results'"
            ),
            {"schema": schema},
        ).scalar()
    )


def keep(project: Project, run_id: str, findings: Iterable[Finding]) -> None:
    """Adds the findings of a run; on DuckDB dbt still holds the warehouse open."""
    findings = list(findings)
    is_accepted = not any(finding.stops for finding in findings)
    source, table, schema = _source(project), _table(project), project.schema("quality")
    rows: list[dict[str, Any]] = [
        {
            "run_id": run_id,
            "raw_source": source,
            "is_accepted": is_accepted,
            "raw_table": finding.table,
            "check_name": finding.check,
            "severity": finding.severity,
            "passed": finding.passed,
            "observed": finding.observed,
            "failing_keys": json.dumps(finding.failing_keys),
        }
        for finding in findings
    ]
    if project.target == "spark":
        session = _spark(project)
        session.sql(f"create schema if not exists {schema}")
        frame = session.createDataFrame(
            [tuple(row.values()) for row in rows], _COLUMNS.replace("text", "string")
        )
        frame.write.mode("append").saveAsTable(table)
        return
    with _engine(project, is_beside_dbt=True).begin() as connection:
        connection.execute(sqlalchemy.text(f"create schema if not exists {quote(schema)}"))
        connection.execute(sqlalchemy.text(f"create table if not exists {table} ({_COLUMNS})"))
        values = ", ".join(f":{name}" for name in rows[0])
        connection.execute(sqlalchemy.text(f"insert into {table} values ({values})"), rows)
