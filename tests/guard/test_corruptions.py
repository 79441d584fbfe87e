"""Each corruption of the catalogue ends as it must, and nothing else changes.

What must stop the run is shown to the guard; what must be rejected or neutralised goes through the
guard and through the compiled models. `docs/corruptions.md` is the report: a change of the
catalogue rewrites it and fails, so that the change is looked at and committed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.build import Dbt, build_base
from bitrix24_effectiveness.errors import ConfigurationError, DataError
from bitrix24_effectiveness.guard import Finding
from bitrix24_effectiveness.log import Log
from corruptions import CATALOGUE
from corruptions.catalogue import (
    Corruption,
    Neutralised,
    Refused,
    Rejected,
    Stopped,
    StoppedByTest,
    Warned,
)
from corruptions.healthy import Portal, healthy_portal, healthy_seeds
from guarding import Guarded, observed, write_portal
from harness import COMPARED, MARTS, Case, Compiled, rows_of
from oracle.reading import COLUMNS
from running import REPOSITORY, sample

REPORT = REPOSITORY / "docs/corruptions.md"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
# these two tell what became of raw rows, which a neutralised corruption may change
ROW_COUNTS = "raw_row_counts"
REFUSED = [name for name, one in CATALOGUE.items() if isinstance(one.outcome, Refused)]
# by what becomes of them, so that a sample has each kind
GUARDED = sorted(
    (name for name in CATALOGUE if name not in REFUSED),
    key=lambda name: type(CATALOGUE[name].outcome).__name__,
)
BUILT = {
    name: one
    for name, one in CATALOGUE.items()
    if not isinstance(one.outcome, Stopped | Refused | Warned)
}

Marts = dict[str, list[str]]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    return healthy_portal(tmp_path_factory.mktemp("healthy"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    return Guarded(tmp_path_factory.mktemp("guarded"), NOW)


@pytest.fixture(scope="module")
def healthy_file(tmp_path_factory: pytest.TempPathFactory, healthy: Portal) -> Path:
    path = tmp_path_factory.mktemp("healthy_file") / "raw.duckdb"
    write_portal(path, healthy)
    return path


@pytest.fixture(scope="module")
def accepted(guarded: Guarded, healthy: Portal) -> list[Finding]:
    """What the guard finds in the healthy portal, with itself as the last accepted run."""
    write_portal(guarded.raw, healthy)
    first = guarded.check()
    assert [finding for finding in first if not finding.passed] == []
    again = guarded.check(before=observed(first))
    assert [finding for finding in again if not finding.passed] == []
    return again


def spoiled(healthy: Portal, corruption: Corruption) -> Portal:
    portal = copy.deepcopy(healthy)
    corruption.spoil(portal)
    return portal


def marts_of(compiled: Compiled, portal: Portal) -> Marts:
    with compiled.run(Case(portal, healthy_seeds())) as connection:
        marts = {
            name: sorted(map(str, rows_of(connection, f"{MARTS}.{name}"))) for name in COMPARED
        }
        for name, relation in (("rejected", "rejected_rows"), ("without_rate", "without_rate")):
            if relation == "without_rate":
                connection.execute(
                    "create view warehouse.marts.without_rate as "
                    + singular_test(compiled, "assert_amounts_have_a_rate")
                )
            marts[name] = rows_of(connection, f"{MARTS}.{relation}")
    return marts


def singular_test(compiled: Compiled, name: str) -> str:
    relations = {model.name: model.relation for model in compiled.models}
    text = (REPOSITORY / f"tests/data/{name}.sql").read_text("utf-8")
    return re.sub(r"{{ ref\('(\w+)'\) }}", lambda found: relations[found[1]], text)


def without_spoiled_row(healthy: Portal, corruption: Corruption) -> Portal:
    """The healthy portal without the row that the corruption changed, or as it was if it added."""
    portal = spoiled(healthy, corruption)
    table = corruption.outcome.table
    return healthy | {
        table: [
            before
            for before, after in zip(healthy[table], portal[table], strict=False)
            if before == after
        ]
    }


def differing(portal: Portal, other: Portal) -> frozenset[str]:
    """The raw tables that are not the same in both."""
    return frozenset(table for table in COLUMNS if portal.get(table) != other.get(table))


def staged(compiled: Compiled, portal: Portal, tables: Collection[str]) -> tuple[Marts, list[str]]:
    """What staging makes of some raw tables: its models' rows, and the reasons of rejection."""
    staging = compiled.staging_of(tables)
    accepted, reasons = {}, []
    with staging.run(Case(portal, {})) as connection:
        for model in staging.models:
            if model.name.startswith("stg_"):
                accepted[model.name] = sorted(map(str, rows_of(connection, model.relation)))
            else:
                reasons += connection.sql(
                    f"select rejection_reason from {model.relation} where row_status = 'rejected'"
                ).fetchall()
    return accepted, [reason for (reason,) in reasons]


@pytest.fixture(scope="module")
def compiled(project) -> Compiled:
    return project.variant("defaults")


@pytest.fixture(scope="module")
def healthy_staged(compiled: Compiled, healthy: Portal) -> Callable[[frozenset[str]], Marts]:
    return cache(lambda tables: staged(compiled, healthy, tables)[0])


@pytest.fixture(scope="module")
def healthy_marts(compiled: Compiled, healthy: Portal) -> Marts:
    marts = marts_of(compiled, healthy)
    assert marts["rejected"] == marts["without_rate"] == []
    return marts


@pytest.mark.parametrize("name", REFUSED)
def test_a_run_without_what_is_required_does_not_begin(
    name: str, guarded: Guarded, healthy: Portal, capsys: pytest.CaptureFixture
) -> None:
    write_portal(guarded.raw, spoiled(healthy, CATALOGUE[name]))
    with pytest.raises(ConfigurationError, match=CATALOGUE[name].outcome.names):
        preflight.check_raw(guarded.project)
    # neither does dbt by hand, which does not ask before
    dbt = Dbt(guarded.project, Log("text"))
    with pytest.raises(DataError):
        build_base(guarded.project, Log("text"), dbt)
    dbt.close()
    assert "is absent and required: load it, or name it in the var" in capsys.readouterr().err


@pytest.mark.parametrize("name", sample(GUARDED))
def test_the_guard(
    name: str, guarded: Guarded, accepted: list[Finding], healthy: Portal, healthy_file: Path
) -> None:
    portal = spoiled(healthy, CATALOGUE[name])
    outcome = CATALOGUE[name].outcome
    write_portal(guarded.raw, portal, (healthy_file, healthy))
    changed = differing(portal, healthy)
    findings = guarded.check(before=observed(accepted), of_tables=changed)
    stopping = {f"{finding.table}.{finding.check}" for finding in findings if finding.stops}
    expected = set(outcome.checks) if isinstance(outcome, Stopped) else set()
    if isinstance(outcome, Stopped) and outcome.and_more:
        stopping &= expected
    assert stopping == expected
    if isinstance(outcome, Warned):
        failed = {f"{finding.table}.{finding.check}" for finding in findings if not finding.passed}
        assert failed == set(outcome.checks)


@pytest.mark.parametrize("name", sample([*BUILT]))
def test_the_marts(
    name: str,
    compiled: Compiled,
    healthy: Portal,
    healthy_staged: Callable[[frozenset[str]], Marts],
    healthy_marts: Marts,
) -> None:
    outcome, portal = BUILT[name].outcome, spoiled(healthy, BUILT[name])
    if isinstance(outcome, StoppedByTest):
        assert outcome.names in str(marts_of(compiled, portal)["without_rate"])
        return
    tables = differing(portal, healthy)
    accepted, reasons = staged(compiled, portal, tables)
    # marts are pure functions of staging: what is equal there needs no second look
    if isinstance(outcome, Rejected):
        assert (tables, reasons) == ({outcome.table}, [outcome.reason])
        rest = without_spoiled_row(healthy, BUILT[name])
        assert accepted == staged(compiled, rest, tables)[0]
        return
    assert reasons == []
    if accepted == healthy_staged(tables):
        return
    marts = marts_of(compiled, portal)
    for table in [*COMPARED, "without_rate"]:
        if table not in (ROW_COUNTS, "rejected_rows"):
            assert marts[table] == healthy_marts[table], table


def test_the_catalogue_is_large_enough() -> None:
    assert len(CATALOGUE) >= 60


def test_the_report_is_up_to_date() -> None:
    text = report()
    stale = not REPORT.exists() or REPORT.read_text("utf-8") != text
    if stale:
        REPORT.write_text(text, "utf-8")
    assert not stale, "docs/corruptions.md was out of date and is rewritten: look at it, commit it"


INTRODUCTION = """\
Written by `tests/guard/test_corruptions.py`, which spoils a healthy portal in each of these ways
and tests the outcome. Stopped: the guard, or a test of the build, names what is wrong, and the
published marts stay as they were. Warned: the guard shows it, and the run goes on, since a healthy
portal can be like that. Refused: the run does not even begin. Rejected: the marts are
those of the portal without the row, which `rejected_rows` lists with its reason. Neutralised: the
marts are those of the healthy portal."""

GROUPS = {
    "delivery": "Rows, tables and columns",
    "formats": "Formats",
    "sense": "Sense",
    "silence": "What nothing but a comparison shows",
}


def report() -> str:
    def outcome_of(one: Corruption) -> str:
        match one.outcome:
            case Stopped(checks, _):
                return "stopped by " + ", ".join(f"`{check}`" for check in checks)
            case Warned(checks):
                return "warned by " + ", ".join(f"`{check}`" for check in checks)
            case Refused(names):
                return f"refused: {names}"
            case StoppedByTest(test):
                return f"stopped by the dbt test `{test}`"
            case Rejected(table, reason):
                return f"row of `{table}` rejected: `{reason}`"
            case Neutralised():
                return "neutralised"

    kinds = [type(one.outcome) for one in CATALOGUE.values()]
    stops = sum(map(kinds.count, (Stopped, Refused, StoppedByTest)))
    lines = [
        "# Corruptions and what becomes of them",
        "",
        INTRODUCTION,
        "",
        f"{len(CATALOGUE)} corruptions: {stops} stopped, {kinds.count(Warned)} warned, "
        f"{kinds.count(Rejected)} rejected, "
        f"{kinds.count(Neutralised)} neutralised.",
    ]
    for group, title in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| corruption | how it comes about | outcome |",
            "|---|---|---|",
        ]
        lines += [
            f"| {one.name} | {one.reality} | {outcome_of(one)} |"
            for one in CATALOGUE.values()
            if one.group == group
        ]
    return "\n".join(lines) + "\n"
