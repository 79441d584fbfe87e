"""The run of the expectation suites, and what becomes of the run because of them."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from bitrix24_effectiveness.build import Dbt, build_base, kept_passed
from bitrix24_effectiveness.configuration import suggestion
from bitrix24_effectiveness.errors import ConfigurationError, DataError
from bitrix24_effectiveness.files import YAML_LOADER
from bitrix24_effectiveness.guard import results
from bitrix24_effectiveness.guard.later import imported_later
from bitrix24_effectiveness.guard.results import Finding
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project

_KEPT_KEYS = 20
_SHOWN_KEYS = 5
# keys and codes look like this; whatever else lies in a key column could be a name or a phone
_HARMLESS = re.compile(r"[A-Za-z0-9_:.|-]{1,40}")
_UNJUDGED = "cannot be evaluated"
_LONG_AGO = datetime(1, 1, 1)
# as in `mostly_readable`: so many rows, and this share of the table, are a fault of the load
_MANY_ROWS = 10
_MANY_SHARE = 0.05

Suites = dict[str, dict[str, list[dict[str, Any]]]]


def guard(
    project: Project,
    log: Log,
    data_docs: Path | None = None,
    new_portal: bool = False,
    dbt: Dbt | None = None,
    accept: Iterable[str] = (),
    is_brief: bool = False,
    run_id: str | None = None,
) -> list[Finding]:
    """Builds the base tables, judges them, keeps the findings and shows those that failed.

    The marts of a build that passed stay fit to be published, unless this is interrupted.

    Args:
        project: Where the raw tables and the warehouse are.
        log: Where the findings are shown.
        data_docs: Folder for Great Expectations' own pages, if they are wanted.
        new_portal: Compare with no earlier run: the raw tables are those of another portal.
        dbt: What to build the base tables with, so that a build need not build them again.
        accept: Critical checks (`table.check`) that may fail. Where they compare with the last
            accepted run, the next one compares with this; others may go on failing until they pass.
        is_brief: Show people the findings only when they stop the run.
        run_id: Of the run that this is a part of; by default one of its own.

    Raises:
        ConfigurationError: one of `accept` is no check.
        DataError: a critical check failed or could not be evaluated; names it. Or a base table
            could not be built.
    """
    started = time.monotonic()
    now = datetime.now(UTC)
    suites = read_suites(project)
    before = {} if new_portal else results.observed_before(project)
    accepted = _accepted(suites, accept)
    if not new_portal:
        accepted |= results.accepted_before(project) - _compared(suites)
    builder = dbt or Dbt(project, log)
    stopping = None
    with kept_passed(project):
        try:
            base_tables = build_base(project, log, builder)
            findings = check_raw_tables(
                project,
                base_tables,
                now,
                before,
                log=log,
                data_docs=data_docs,
                suites=suites,
                accepted=accepted,
            )
            results.keep(project, run_id or now.isoformat(timespec="microseconds"), findings)
            stopping = [finding for finding in findings if finding.stops]
        finally:
            # a build goes on with base tables that it finds in memory
            if dbt is None or stopping != []:
                builder.close()
    if stopping or log.is_json or not is_brief:
        _show(findings, log)
    warned = sum(not finding.passed for finding in findings) - len(stopping)
    seconds = round(time.monotonic() - started, 1)
    log.event(
        "guarded",
        f"guarded: {len(findings)} checks of {len({finding.table for finding in findings})} "
        f"raw tables, {warned} warnings, {seconds} s",
        checks=len(findings),
        warnings=warned,
        critical=len(stopping),
        seconds=seconds,
    )
    if stopping:
        names = ", ".join(f"{finding.table}.{finding.check}" for finding in stopping)
        hint = ""
        if before and any(finding.check in ("rows", "columns") for finding in stopping):
            hint = (
                " (if this is another portal than last time, run once with --new-portal; if what "
                "is missing was deleted on purpose, with --accept-checks and the names)"
            )
        raise DataError(f"raw data failed {names}: the published marts stay as they are{hint}")
    return findings


def _accepted(suites: Suites, names: Iterable[str]) -> set[tuple[str, str]]:
    known = {
        f"{table}.{one['meta']['check']}": (table, one["meta"]["check"])
        for table, parts in suites.items()
        for part in parts.values()
        for one in part
    }
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"--accept-checks: {name} is no check, such as crm_category.rows"
                + suggestion(name, known)
            )
    return {known[name] for name in names}


def _compared(suites: Suites) -> set[tuple[str, str]]:
    """Checks that compare with the last accepted run: what it accepted is the measure now."""
    return {
        (table, one["meta"]["check"])
        for table, parts in suites.items()
        for part in parts.values()
        for one in part
        if "first_time" in one["meta"]
    }


def read_suites(project: Project) -> Suites:
    """The expectations of each raw table, from `great_expectations/<raw_table>.yml`.

    Queries that several tables share are read from the files that they name.
    """
    suites = {}
    for table in project.raw_tables:
        path = project.package_directory / "great_expectations" / f"{table}.yml"
        try:
            suites[table] = yaml.load(path.read_text("utf-8"), YAML_LOADER)
        except FileNotFoundError as error:
            raise ConfigurationError(f"{path} is missing: {table} is unguarded") from error
        except yaml.YAMLError as error:
            raise ConfigurationError(f"{path}: not valid YAML") from error
        if not _is_suite(suites[table]):
            raise ConfigurationError(
                f"{path}: it must hold lists `delivered` and `read` of expectations, each with "
                "type, kwargs, severity (critical or warning), description and meta.check"
            )
        for expectation in (one for part in suites[table].values() for one in part):
            shared = expectation["kwargs"].get("unexpected_rows_query")
            if isinstance(shared, dict):
                query = _shared_query(path, table, shared)
                expectation["kwargs"]["unexpected_rows_query"] = query
    return suites


def _shared_query(suite: Path, table: str, shared: dict[str, str]) -> str:
    """The query of a file beside the suite, for a table and its column of time."""
    try:
        query = (suite.parent / shared["file"]).read_text("utf-8")
        return query.replace("{at}", shared["at"]).replace("{table}", table)
    except (KeyError, OSError, TypeError) as error:
        raise ConfigurationError(
            f"{suite}: unexpected_rows_query is a query, or the `file` of one beside it and `at`, "
            "the column of time"
        ) from error


def _is_suite(suite: Any) -> bool:
    return (
        isinstance(suite, dict)
        and suite.keys() == {"delivered", "read"}
        and all(
            isinstance(one, dict)
            and {"type", "kwargs", "description"} <= one.keys()
            and one.get("severity") in ("critical", "warning")
            and "check" in one.get("meta", {})
            for part in suite.values()
            for one in part
        )
    )


def check_raw_tables(
    project: Project,
    base_tables: Mapping[str, str],
    now: datetime,
    before: dict[tuple[str, str], str],
    *,
    log: Log | None = None,
    data_docs: Path | None = None,
    suites: Suites | None = None,
    accepted: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """Evaluates the suites and writes nothing.

    Args:
        project: Where the raw tables are.
        base_tables: What `build_base` made of them.
        now: The clock, for freshness and for dates that cannot be yet.
        before: What checks observed in the last accepted run, by table and check.
        log: Where progress is shown.
        data_docs: Folder for Great Expectations' own pages.
        suites: Expectations by raw table and part; by default all that the project has.
        accepted: Checks (table, name) that may fail; not those that could not be evaluated.
    """
    suites = read_suites(project) if suites is None else suites
    with _quiet():
        # Great Expectations draws histograms with them, of which nobody asks for one
        with imported_later("scipy.stats", "altair"):
            from bitrix24_effectiveness.guard.engine import engine_of

        engine = engine_of(project)(project, base_tables, is_kept=data_docs is not None)
        try:
            findings: list[Finding] = []
            texts = _texts(project, now, engine)
            for number, (table, parts) in enumerate(suites.items(), 1):
                for part, expectations in parts.items():
                    chosen = [
                        _prepared(expectation, table, before, findings, texts, engine.in_order)
                        for expectation in expectations
                        if engine.has(table, expectation, part, (table, "rows") in before)
                    ]
                    for expectation, result in engine.results(table, part, chosen):
                        finding = _finding(table, expectation, result)
                        if _is_doubt_only(project, finding, expectation["meta"], findings):
                            finding = replace(finding, severity="warning")
                        is_judged = not finding.observed.startswith(_UNJUDGED)
                        if finding.stops and is_judged and (table, finding.check) in accepted:
                            finding = replace(finding, severity=results.ACCEPTED)
                        findings.append(finding)
                if log:
                    log.step("guard", table, number, len(suites))
            if data_docs:
                engine.write_data_docs(data_docs)
        finally:
            engine.close()
    return findings


@contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations without its reports to its makers and its notices about itself."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # what it cannot do is in its results; its log would add stack traces
    logger = logging.getLogger("great_expectations")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- expectations


def _texts(project: Project, now: datetime, engine: Any) -> dict[str, str]:
    """What stands for `{name}` in the SQL of an expectation."""
    utc_now = now.astimezone(UTC).replace(tzinfo=None)
    # the clock of this machine may lag behind the data; a day allows for the portal's own clock
    latest = max(filter(None, [utc_now, engine.newest_busy_week()])) + timedelta(days=1)
    max_age = project.vars.get("raw_max_age_hours") or 0
    oldest = utc_now - timedelta(hours=max_age) if max_age else _LONG_AGO
    return {
        "latest_possible": latest.isoformat(sep=" ", timespec="seconds"),
        "oldest_allowed_change": oldest.isoformat(sep=" ", timespec="seconds"),
    }


def _prepared(
    expectation: dict[str, Any],
    table: str,
    before: dict[tuple[str, str], str],
    findings: list[Finding],
    texts: dict[str, str],
    in_order: Callable[[str], str],
) -> dict[str, Any]:
    """The expectation with its texts filled in; without a last accepted run, as for the first."""
    now = {(finding.table, finding.check): finding.observed for finding in findings}
    prepared = json.loads(json.dumps(expectation))
    meta, kwargs = prepared["meta"], prepared["kwargs"]
    if "first_time" in meta:
        value = _remembered(table, meta, before, now)
        if value is None:
            prepared["kwargs"] = kwargs = kwargs | meta["first_time"]
        else:
            meta["parameters"] = {f"{meta['check']}_before": value}
    if "unexpected_rows_query" in kwargs:
        query = kwargs["unexpected_rows_query"]
        for name, text in texts.items():
            query = query.replace("{" + name + "}", text)
        kwargs["unexpected_rows_query"] = in_order(query)
    return prepared


def _remembered(
    table: str,
    meta: dict[str, Any],
    before: dict[tuple[str, str], str],
    now: dict[tuple[str, str], str],
) -> float | list[str] | None:
    """What the check observed last time, if both then and now there were rows enough to compare."""
    observed = before.get((table, meta["check"]))
    enough = meta.get("needs_rows", 0)
    if not observed or any(float(run.get((table, "rows")) or 0) < enough for run in (before, now)):
        return None
    return json.loads(observed)


def _finding(table: str, expectation: dict[str, Any], result: Any) -> Finding:
    check, severity = expectation["meta"]["check"], expectation["severity"]
    description = " ".join(expectation["description"].split())
    error = _error(result)
    if error:
        return Finding(table, check, "critical", False, f"{_UNJUDGED}: {error}", description)
    seen = result.result
    observed = seen.get("observed_value", seen.get("unexpected_count"))
    if observed is None:
        return Finding(table, check, severity, True, "", description)
    return Finding(
        table,
        check,
        severity,
        bool(result.success),
        json.dumps(_plain(observed)),
        description,
        () if result.success else _failing_keys(seen),
    )


def _is_doubt_only(
    project: Project, finding: Finding, meta: dict[str, Any], findings: list[Finding]
) -> bool:
    """Whether a few rows failed a check that a given var makes harmless for so few."""
    if finding.passed or not finding.failing_keys:
        return False
    if not project.vars.get(meta.get("few_are_warning_with", "")):
        return False
    observed = {one.check: one.observed for one in findings if one.table == finding.table}
    failing = json.loads(finding.observed)
    return failing < _MANY_ROWS or failing <= _MANY_SHARE * float(observed.get("rows") or 0)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(value)
    return value if isinstance(value, int) else float(value)


def _error(result: Any) -> str | None:
    if isinstance(result, str):
        return result
    infos = result.exception_info
    for info in [infos] if "raised_exception" in infos else infos.values():
        if info["raised_exception"]:
            return str(info["exception_message"]).strip().splitlines()[0][:200]
    return None


def _failing_keys(seen: dict[str, Any]) -> tuple[str, ...]:
    details = seen.get("details") or {}
    if "mismatched" in details:
        return tuple(map(_shown, details["mismatched"].get("missing", [])))[:_KEPT_KEYS]
    rows = details.get("unexpected_rows") or [
        {"id": row["id"]} for row in seen.get("unexpected_index_list") or []
    ]
    return tuple(sorted(" ".join(map(_shown, row.values())) for row in rows)[:_KEPT_KEYS])


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if _HARMLESS.fullmatch(str(value).replace(" ", "_")) else "(hidden)"


# -- what is shown


def _show(findings: Iterable[Finding], log: Log) -> None:
    failed = [finding for finding in findings if not finding.passed]
    if log.is_json:
        for finding in failed:
            log.event(
                "check",
                f"{finding.table}.{finding.check}: {finding.description}",
                "error" if finding.stops else "warning",
                table=finding.table,
                check=finding.check,
                severity=finding.severity,
                observed=finding.observed,
                failing_keys=finding.failing_keys,
            )
    elif failed:
        log.table(
            "Raw data",
            ("Check", "Severity", "Expected", "Observed", "Failing keys"),
            [
                (
                    f"{finding.table}\n{finding.check}",
                    finding.severity,
                    finding.description,
                    finding.observed,
                    "\n".join(finding.failing_keys[:_SHOWN_KEYS]),
                )
                for finding in sorted(failed, key=lambda finding: not finding.stops)
            ],
        )
