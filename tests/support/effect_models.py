"""The compiled models of before and after, run on rows that a test makes up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from harness import REPOSITORY, build_model, compile_project, load_rows, rows_of, seed_rows

Row = dict[str, Any]

MARTS = ("metric_windows", "crm_scorecard", "crm_verdict", "crm_roi")
GO_LIVE = "2025-05-01"
# months of the two windows, counted from January 2024
BEFORE, AFTER = range(4, 16), range(22, 34)

# what a test gives, and of what type; what it leaves out is empty
INPUTS = {
    "int_periods": {
        "period_grain": "varchar",
        "period_start": "date",
        "period_end": "date",
        "is_complete": "boolean",
    },
    "int_run_settings": {
        "as_of_at": "timestamp",
        "as_of_date": "date",
        "base_currency": "varchar",
    },
    "int_data_span": {"first_month": "date", "last_date": "date"},
    "int_exchange_rates": {
        "currency": "varchar",
        "rate": "double",
        "valid_from": "date",
        "valid_before": "date",
    },
    "int_effect_months": {
        "basis": "varchar",
        "metric_code": "varchar",
        "request_kind": "varchar",
        "period_start": "date",
        "numerator": "double",
        "denominator": "double",
        "cases": "bigint",
        "is_ripe": "boolean",
        "is_settled": "boolean",
        "source": "varchar",
    },
    "int_effect_money_months": {
        "period_start": "date",
        "price_factor": "double",
        "leads": "double",
        "closed_deals": "double",
        "revenue": "double",
        "marketing_cost": "double",
        "crm_cost": "double",
        "salary_cost": "double",
        "other_cost": "double",
    },
    "recording_coverage": {
        "month_start": "date",
        "record_kind": "varchar",
        "request_kind": "varchar",
        "recorded": "bigint",
        "expected": "bigint",
    },
    "metric_values": {
        "metric_code": "varchar",
        "segment_type": "varchar",
        "value_status": "varchar",
    },
    "stg_reference__costs": {
        "cost_id": "varchar",
        "cost_type": "varchar",
        "amount": "double",
        "currency": "varchar",
        "date_from": "date",
        "date_to": "date",
    },
    "stg_reference__price_index": {"month_start": "date", "price_index": "double"},
    "stg_reference__manual_baseline": {
        "metric_code": "varchar",
        "baseline_value": "double",
        "sample_size": "bigint",
        "std_dev": "double",
        "period_start": "date",
        "period_end": "date",
    },
    "stg_reference__goals": {
        "metric_code": "varchar",
        "target_value": "double",
        "target_change_pct": "double",
        "target_date": "date",
    },
    # in place of the model of that name, where a test wants it so
    "crm_scorecard": {
        "metric_code": "varchar",
        "family": "varchar",
        "status": "varchar",
        "has_vote": "boolean",
        "is_preliminary": "boolean",
        "final_from": "date",
        "is_able_to_tell": "boolean",
        "can_tell_from": "date",
        "months_to_compare": "bigint",
        "change_ci_low": "double",
        "warning": "varchar",
    },
    "crm_roi": {
        "net_effect": "double",
        "net_effect_ci_low": "double",
        "net_effect_ci_high": "double",
    },
}

_MODELS_TO_REPLACE = ("crm_scorecard", "crm_roi")


class Effects:
    """The compiled models; any of them can be replaced by rows."""

    def __init__(self, folder: Path, variables: Row | None = None):
        given = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": 1.0} | (variables or {})
        compiled = compile_project(folder, given, wanted=MARTS)
        self._nodes = {node.name: node for node in [*compiled.models, *compiled.seeds.values()]}
        self._databases = compiled.databases

    def rows(self, wanted: str, inputs: dict[str, list[Row]], go_live: str = GO_LIVE) -> list[Row]:
        """The rows of a model, built from the rows given and from what else it needs."""
        with self.build([wanted], inputs, go_live) as connection:
            return rows_of(connection, self._nodes[wanted].relation)

    def build(
        self, wanted: list[str], inputs: dict[str, list[Row]], go_live: str = GO_LIVE
    ) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("set threads = 1")
        for database in self._databases:
            connection.execute(f"attach ':memory:' as \"{database}\"")
        for schema in {node.schema for node in self._nodes.values()}:
            connection.execute(f"create schema if not exists {schema}")
        done: set[str] = set()
        for name in wanted:
            self._make(connection, name, inputs, go_live, done)
        return connection

    def relation(self, name: str) -> str:
        return self._nodes[name].relation

    def _make(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        inputs: dict[str, list[Row]],
        go_live: str,
        done: set[str],
    ) -> None:
        if name in done:
            return
        done.add(name)
        node = self._nodes[name]
        if name in inputs or (name in INPUTS and name not in _MODELS_TO_REPLACE):
            load_rows(connection, node.relation, INPUTS[name], inputs.get(name, []))
        elif node.materialized == "seed":
            rows = seed_rows(REPOSITORY / "seeds", name)
            types = node.columns or INPUTS[name]
            rows = [{column: value or None for column, value in row.items()} for row in rows]
            load_rows(connection, node.relation, types, rows)
        else:
            for parent in self._nodes.values():
                if parent.relation in node.sql:
                    self._make(connection, parent.name, inputs, go_live, done)
            build_model(
                connection, replace(node, sql=node.sql.replace(f"'{GO_LIVE}'", f"'{go_live}'"))
            )


def month(number: int) -> date:
    """The first day of a month, counted from January 2024."""
    return date(2024 + number // 12, number % 12 + 1, 1)


def periods(first: int, last: int, last_is_complete: bool = True) -> list[Row]:
    """Months from the first to the last, both counted from January 2024."""
    return [
        {
            "period_grain": "month",
            "period_start": month(number),
            "period_end": month(number + 1) - timedelta(days=1),
            "is_complete": last_is_complete or number < last,
        }
        for number in range(first, last + 1)
    ]


def months_of(code: str, series: dict[int, tuple[float, float]], **other: Any) -> list[Row]:
    """What a metric was in months counted from January 2024: numerators and denominators."""
    return [
        {
            "basis": "comparable",
            "metric_code": code,
            "request_kind": "all",
            "period_start": month(number),
            "numerator": numerator,
            "denominator": denominator,
            "cases": 100,
            "is_ripe": True,
            "is_settled": True,
            **other,
        }
        for number, (numerator, denominator) in series.items()
    ]
