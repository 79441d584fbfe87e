"""The compiled models of before and after, run on rows that a test makes up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from harness import REPOSITORY, build_model, compile_project, load_rows, rows_of, seed_rows

Row = dict[str, Any]

MARTS = ("crm_scorecard", "crm_verdict", "crm_roi")
GO_LIVE = "2025-05-01"
# months of the two windows, counted from January 2024
BEFORE, AFTER = range(4, 16), range(22, 34)

# what the models of the effect read from others, and of what type
INPUTS = {
    "int_periods": {
        "period_grain": "varchar",
        "period_start": "date",
        "period_end": "date",
        "period_end_at": "timestamp",
        "is_complete": "boolean",
    },
    "int_comparison_months": {
        "comparison_month_key": "varchar",
        "window_name": "varchar",
        "period_start": "date",
        "month_of_year": "bigint",
        "is_compared": "boolean",
        "is_compared_ripe": "boolean",
        "is_same_season": "boolean",
    },
    "int_period_days": {"period_grain": "varchar", "period_start": "date", "date_day": "date"},
    "int_run_settings": {"as_of_at": "timestamp"},
    "fct_requests": {
        "requested_date": "date",
        "responded_at": "timestamp",
        "response_microseconds": "bigint",
    },
    "fct_deals": {
        "state": "varchar",
        "won_date": "date",
        "won_at": "timestamp",
        "first_contact_at": "timestamp",
        "amount": "decimal(28, 6)",
    },
    "int_effect_monthly_values": {
        "metric_code": "varchar",
        "period_start": "date",
        "value": "double",
        "numerator": "double",
        "denominator": "double",
    },
    "int_effect_revenue_months": {
        "period_start": "date",
        "leads": "double",
        "closed_deals": "double",
        "revenue": "double",
        "crm_cost": "double",
    },
    "int_effect_samples": {
        "metric_code": "varchar",
        "window_name": "varchar",
        "months": "bigint",
        "sample_size": "double",
        "successes": "double",
        "sample_mean": "double",
        "sample_variance": "double",
    },
    "int_effect_medians": {
        "metric_code": "varchar",
        "window_name": "varchar",
        "median": "double",
        "median_ci_low": "double",
        "median_ci_high": "double",
    },
    "int_effect_trends": {
        "metric_code": "varchar",
        "slope": "double",
        "slope_standard_error": "double",
        "degrees_of_freedom": "double",
        "months_between": "double",
    },
    "stg_reference__manual_baseline": {
        "metric_code": "varchar",
        "baseline_value": "double",
        "sample_size": "bigint",
        "std_dev": "double",
    },
    "stg_reference__metric_catalog": {
        "metric_code": "varchar",
        "name_en": "varchar",
        "name_ru": "varchar",
        "unit": "varchar",
        "better_when": "varchar",
        "family": "varchar",
    },
    "crm_scorecard": {"metric_code": "varchar", "family": "varchar", "status": "varchar"},
    "student_t": {"inverse_df": "double", "quantile_975": "double"},
}

# of these a test gives what it needs; the rest is empty
_FROM_OUTSIDE = (
    "int_periods",
    "int_period_days",
    "int_run_settings",
    "fct_requests",
    "fct_deals",
    "int_effect_monthly_values",
    "int_effect_revenue_months",
    "stg_reference__manual_baseline",
)


class Effects:
    """The compiled models; any of them can be replaced by rows."""

    def __init__(self, folder: Path):
        compiled = compile_project(folder, {}, wanted=MARTS)
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
        if name in inputs or name in _FROM_OUTSIDE:
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
            "period_end_at": month(number + 1),
            "is_complete": last_is_complete or number < last,
        }
        for number in range(first, last + 1)
    ]


def days(first: int, last: int) -> list[Row]:
    """The days of these months."""
    return [
        {"period_grain": "month", "period_start": month(number), "date_day": day}
        for number in range(first, last + 1)
        for day in (
            month(number) + timedelta(days=offset)
            for offset in range((month(number + 1) - month(number)).days)
        )
    ]


def comparison_months(before: range = BEFORE, after: range = AFTER) -> list[Row]:
    return [
        {
            "window_name": window,
            "period_start": month(number),
            "is_compared": True,
            "is_compared_ripe": True,
            "is_same_season": True,
        }
        for window, numbers in (("before", before), ("after", after))
        for number in numbers
    ]
