"""Before and after of the SQL and of the oracle, column by column, on portals of the generator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.demo import generator
from calibration import demo_rows, run, seeds_of, wish_of
from harness import MARTS, Compiled, compile_project, rows_of
from oracle import compute, compute_effect
from oracle.effect import EffectResult
from quiet_portals import GO_LIVE

VARIABLES = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": 0.4}
COMPARED = (
    "metric_windows", "recording_coverage", "crm_scorecard", "crm_roi", "crm_verdict",
)  # fmt: skip

# kinds of record in the words of the SQL -> of the oracle
KINDS = {
    "activities": "demand_with_activity",
    "answers": "outgoing_acts",
    "letters": "letters",
    "answered": "answered",
    "requests": "requests",
    "telephony": "calls_with_telephony",
    "stage_history": "deals_with_history",
    "clients": "won_deals_with_client",
    "leads_per_deal": "leads_per_deal",
    "costs_marketing": "cost_days_marketing",
    "costs_crm": "cost_days_crm",
    "costs_salary": "cost_days_salary",
    "costs_other": "cost_days_other",
}
WINDOW_COLUMNS = ("value", "months", "first_month", "last_month", "cases", "article_value")
# what the SQL says of a line that is not judged is judged by tests of its own
SCORE_COLUMNS = (
    "before_value", "after_value", "change", "change_ci_low", "change_ci_high", "before_n",
    "after_n", "before_months", "after_months", "before_source", "smallest_detectable_change",
    "evidence", "is_preliminary", "has_vote", "goal_value", "goal_date", "goal_status",
)  # fmt: skip
VERDICT_COLUMNS = {
    "verdict": "verdict",
    "families_with_data": "families_with_data",
    "families_better": "families_better",
    "families_worse": "families_worse",
    "families_level": "families_level",
    "families_level_able": "families_able_to_tell",
    "chance_under_no_effect": "chance_under_no_effect",
    "expected_wrong_lines": "lines_expected_wrong",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compile_project(tmp_path_factory.mktemp("equal"), VARIABLES, wanted=COMPARED)


def is_near(expected: Any, got: Any) -> bool:
    if expected is None or got is None or isinstance(expected, str | date | bool):
        return bool(expected == got)
    return float(got) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


def differences(found: EffectResult, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    windows = {
        (row["metric_code"], row["window_name"]): row
        for row in rows_of(connection, f"{MARTS}.metric_windows")
    }
    assert set(windows) == set(found.metric_windows)
    for key, expected in found.metric_windows.items():
        for column in WINDOW_COLUMNS:
            if not is_near(expected[column], windows[key][column]):
                yield f"{key} {column}: {expected[column]} {windows[key][column]}"
    for row in rows_of(connection, f"{MARTS}.recording_coverage"):
        kind = KINDS.get(row["record_kind"])
        if row["request_kind"] != "all":
            kind = f"{kind}_{row['request_kind']}"
        expected = found.recording_coverage.get((row["month_start"], kind))
        if expected is None:
            continue
        counts = expected["numerator"], expected["denominator"]
        if counts != (row["recorded"], row["expected"]):
            yield f"{row['coverage_key']}: {counts} {row['recorded'], row['expected']}"
    scorecard = {row["metric_code"]: row for row in rows_of(connection, f"{MARTS}.crm_scorecard")}
    for code, expected in found.crm_scorecard.items():
        row = scorecard[code]
        if expected["status"] != row["status"]:
            yield f"{code} status: {expected['status']} {row['status']}"
        if row["status"] in ("no_data", "not_comparable"):
            continue
        for column in SCORE_COLUMNS:
            if not is_near(expected[column], row[column]):
                yield f"{code} {column}: {expected[column]} {row[column]}"
    (verdict,) = rows_of(connection, f"{MARTS}.crm_verdict")
    assert found.crm_verdict is not None
    for expected_name, name in VERDICT_COLUMNS.items():
        if not is_near(found.crm_verdict[expected_name], verdict[name]):
            yield f"verdict {name}: {found.crm_verdict[expected_name]} {verdict[name]}"


@pytest.mark.parametrize(
    ("shape", "leads_a_month", "effect"),
    [("plain", 15, 1.0), ("big_client", 25, 0.0), ("growth", 25, 0.5)],
)
def test_before_and_after_are_those_of_the_oracle(
    compiled: Compiled, shape: str, leads_a_month: int, effect: float
) -> None:
    wish = wish_of(shape, leads_a_month, 3, effect)
    given = seeds_of(wish) | {"goals": demo_rows("goals")}
    seeds = {
        name: [
            {column: value or None for column, value in row.items()}
            for row in (given[name] if name in given else demo_rows(name))
        ]
        for name in compiled.seeds
    }
    with run(compiled, wish, given=given) as connection:
        portal = {table: rows_of(connection, f"raw.bitrix24.{table}") for table in generator.TABLES}
        found = compute_effect(compute(portal, seeds, VARIABLES).metrics)
        assert list(differences(found, connection)) == []
