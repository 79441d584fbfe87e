"""A handful of rows with a mistyped year moves neither the end of the data nor its first month."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from bitrix24_effectiveness.plain_tests import PlainTest, plain_tests
from corruptions.healthy import Portal, healthy_portal, healthy_seeds
from harness import MARTS, Case, Compiled, compile_project, expected_of, parsed, rows_of
from harness import differences as differences_from_oracle
from running import REPOSITORY, long, sample

MODELS = tuple(path.stem for path in (REPOSITORY / "models").rglob("*.sql"))


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    return healthy_portal(tmp_path_factory.mktemp("healthy"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compile_project(tmp_path_factory.mktemp("compiled"), {}, wanted=MODELS)


@pytest.fixture(scope="module")
def data_tests() -> list[PlainTest]:
    found = plain_tests(parsed(REPOSITORY, json.dumps({}), ())).values()
    return [test for test in found if not any(node.startswith("seed.") for node in test.nodes)]


def told_by(compiled: Compiled, portal: Portal, tests: list[PlainTest]) -> dict[str, Any]:
    """End, first month and figures of a portal, which passes all data tests."""
    case = Case(portal, healthy_seeds())
    with compiled.run(case) as connection:
        assert [
            test.test_id
            for test in tests
            if any(
                count
                for (count,) in connection.execute(
                    f"select {test.failures} from {test.table}"
                ).fetchall()
            )
        ] == []
        assert differences_from_oracle(expected_of(case), connection) == []
        return {
            name: sorted(map(str, rows_of(connection, f"{MARTS}.{name}")))
            for name in ("run_settings", "metric_values", "metric_windows", "crm_verdict")
        }


def years_ahead(portal: Portal, strays: int) -> None:
    """Clocks of some computers were wrong, each by other years."""
    for number, row in enumerate(portal["crm_lead"][:strays]):
        row["date_modify"] = f"{2034 + 3 * number}{row['date_modify'][4:]}"


def years_ago(portal: Portal, strays: int) -> None:
    """Leads were entered with a date of birth, without anything that happened to them."""
    lead = next(row for row in portal["crm_lead"] if row["status_id"] == "JUNK")
    for number in range(strays):
        born = f"{1996 + 2 * number}{lead['date_create'][4:]}"
        portal["crm_lead"].append(
            lead | {"id": str(90_000_000 + number), "date_create": born, "date_modify": born}
        )


def a_win_years_ago(portal: Portal, strays: int) -> None:
    """Old contracts were entered with the day on which they were signed."""
    deal = next(row for row in portal["crm_deal"] if row["stage_semantic_id"] == "S")
    for number in range(strays):
        then = f"{2001 + 2 * number}{deal['date_create'][4:]}"
        times = dict.fromkeys(("date_create", "date_modify", "moved_time", "closedate"), then)
        portal["crm_deal"].append(
            deal
            | {"id": str(90_000_000 + number), "contact_id": None, "company_id": None}
            | {"lead_id": None}
            | times
        )


@long
@pytest.mark.parametrize(
    ("spoil", "strays"),
    sample([(a_win_years_ago, 4), (years_ahead, 3), (years_ago, 10)]),
)
def test_a_few_strays_move_nothing(
    spoil: Callable[[Portal, int], None],
    strays: int,
    compiled: Compiled,
    data_tests: list[PlainTest],
    healthy: Portal,
) -> None:
    spoiled = copy.deepcopy(healthy)
    spoil(spoiled, strays)
    told, expected = (told_by(compiled, portal, data_tests) for portal in (spoiled, healthy))
    assert told["run_settings"] == expected["run_settings"]
    assert told["metric_values"] == expected["metric_values"]
    assert told["metric_windows"] == expected["metric_windows"]
    assert told["crm_verdict"] == expected["crm_verdict"]


@long
def test_eleven_in_one_year_are_no_strays(
    compiled: Compiled, data_tests: list[PlainTest], healthy: Portal
) -> None:
    spoiled = copy.deepcopy(healthy)
    for _ in range(11):
        years_ago(spoiled, 1)
        spoiled["crm_lead"][-1]["id"] = str(91_000_000 + len(spoiled["crm_lead"]))
    told = told_by(compiled, spoiled, data_tests)
    assert "(1996, 7, 1)" in str(told["metric_values"])
