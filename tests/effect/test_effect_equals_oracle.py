"""Before and after of the SQL and of the oracle, column by column, on portals of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.demo import generator
from calibration import demo_rows, run, seeds_of, wish_of
from harness import MARTS, Compiled, compile_project, rows_of
from oracle import compute, compute_effect
from oracle.effect import EffectResult
from quiet_portals import GO_LIVE
from running import sample

VARIABLES = {"crm_go_live_date": GO_LIVE}
COMPARED = (
    "metric_windows", "recording_coverage", "crm_scorecard", "crm_roi", "crm_roi_months",
    "crm_verdict",
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
    "lead_links": "deals_of_leads",
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


# neither number nor date
WORDS = {"roi_key", "warning"}
# what the CRM costs long before the first raw row, and something in another currency
EXPENSES: list[dict[str, str]] = [
    {
        "cost_id": cost_id, "cost_type": cost_type, "channel": "", "date_from": date_from,
        "date_to": date_to, "amount": amount, "currency": currency,
    }
    for cost_id, cost_type, date_from, date_to, amount, currency in (
        ("e1", "crm", "2021-03-15", "2021-07-20", "40000", "RUB"),
        ("e2", "crm", "2025-06-10", "2026-12-31", "700", "USD"),
        ("e3", "other", "2023-01-01", "2026-12-31", "1200.50", "USD"),
    )
]  # fmt: skip
# running costs that go-live saves, so that a CRM that is dear before go-live is paid back
SAVINGS: list[dict[str, str]] = [
    {**EXPENSES[0], "cost_id": "s1", "date_to": "2025-07-20", "amount": "2500000"},
    {
        **EXPENSES[0], "cost_id": "s2", "cost_type": "other", "date_from": "2024-01-01",
        "date_to": "2025-04-30", "amount": "8000000",
    },
]  # fmt: skip
# rises by 0.4 % a month, begins years before the first raw row, and knows not every month
PRICES: list[dict[str, str]] = [
    {"month": f"{year}-{month:02}-01", "index": f"{1.004 ** (12 * (year - 2021) + month):.6f}"}
    for year in range(2021, 2027)
    for month in (1, 2, 4, 5, 6, 9, 10, 12)
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Compiled]:
    @cache
    def with_margin(margin: str) -> Compiled:
        variables = VARIABLES | {"gross_margin_rate": margin}
        return compile_project(tmp_path_factory.mktemp("equal"), variables, wanted=COMPARED)

    return with_margin


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
    (roi,) = rows_of(connection, f"{MARTS}.crm_roi")
    roi_months = rows_of(connection, f"{MARTS}.crm_roi_months")
    assert found.crm_roi is not None
    assert [row["month_start"] for row in roi_months] == list(found.crm_roi_months)
    for row, expected in (
        (roi, found.crm_roi),
        *((row, found.crm_roi_months[row["month_start"]]) for row in roi_months),
    ):
        for column in set(row) - WORDS - {"month_start"}:
            if not is_near(expected[column], row[column]):
                when = row.get("month_start", "total")
                yield f"roi {when} {column}: {expected[column]} {row[column]}"
    (verdict,) = rows_of(connection, f"{MARTS}.crm_verdict")
    assert found.crm_verdict is not None
    for expected_name, name in VERDICT_COLUMNS.items():
        if not is_near(found.crm_verdict[expected_name], verdict[name]):
            yield f"verdict {name}: {found.crm_verdict[expected_name]} {verdict[name]}"


@pytest.mark.parametrize(
    ("shape", "leads_a_month", "effect", "margin", "prices"),
    sample(
        [
            ("growth", 25, 0.5, "0.4", PRICES),
            ("plain", 15, 1.0, "0.4", []),
            ("big_client", 25, 0.0, "", []),
            # what was recorded differently
            ("half_of_the_letters", 30, 0.0, "", []),
            ("winners_alone", 25, 0.0, "", []),
        ],
    ),
)
def test_before_and_after_are_those_of_the_oracle(
    compiled: Callable[[str], Compiled],
    shape: str,
    leads_a_month: int,
    effect: float,
    margin: str,
    prices: list[dict[str, str]],
) -> None:
    wish = wish_of(shape, leads_a_month, 3, effect)
    given = seeds_of(wish)
    given |= {
        "goals": demo_rows("goals"),
        "exchange_rates": demo_rows("exchange_rates"),
        "costs": given["costs"] + EXPENSES + (SAVINGS if prices else []),
        "price_index": prices,
    }
    models = compiled(margin)
    seeds = {
        name: [
            {column: value or None for column, value in row.items()}
            for row in (given[name] if name in given else demo_rows(name))
        ]
        for name in models.seeds
    }
    variables = VARIABLES | {"gross_margin_rate": margin}
    with run(models, wish, given=given) as connection:
        portal = {table: rows_of(connection, f"raw.bitrix24.{table}") for table in generator.TABLES}
        found = compute_effect(compute(portal, seeds, variables).metrics)
        assert list(differences(found, connection)) == []
