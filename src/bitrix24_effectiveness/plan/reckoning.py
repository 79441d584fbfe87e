"""From a journal, or from three numbers: what is known, what a CRM must bring, how long it takes.

The formula of the months is that of `crm_scorecard`, from the macros of the project.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.journal.reading import Journal
from bitrix24_effectiveness.project import Project

_MACROS = ("months_to_tell", "student_t_quantile")
_MOST_MONTHS = 60
WANTED_PCT = 20.0
"""Change that is looked for where no goal says what is wanted, in percent."""

FOLLOW_UP_MONTHS = {"conversion": 3, "lost_sales": 3, "response_time": 1}
"""Months after the last one compared until all in it have had their time; others below."""


@dataclass(frozen=True)
class Known:
    """A metric as far as it is known."""

    value: float
    months: int
    """Months that it stands on; 0: one of the three numbers."""
    variance_of_a_month: float | None
    """Null: how much its months differ is not known."""
    autocorrelation: float = 0.0
    is_least: bool = False
    """The variance is that of chance alone; real months differ more."""


@dataclass(frozen=True)
class Power:
    """How long it takes to tell a change from chance."""

    metric_code: str
    wanted_pct: float
    wanted_change: float
    """In the unit of the metric, always above 0."""
    is_goal: bool
    """Whether somebody set it; else it is 20 %."""
    months: int | None
    """Months needed before, and as many after; null: more than five years."""
    months_until_told: int | None
    """Months from go-live to the answer: those skipped and those that the last cases need too."""
    smallest_pct: float
    """The change that the usual window on either side would show, in percent."""
    is_least: bool


@dataclass(frozen=True)
class BreakEven:
    """What pays for the cost of a year by itself, each lever alone."""

    cost: float
    conversion_points: float
    deals: float
    """More deals a year."""
    deal_size: float
    leads_a_month: float
    cycle_days: float | None
    """Days by which the cycle would have to be shorter, if people then take on as much more."""


@dataclass(frozen=True)
class Plan:
    """Everything that the plan says."""

    leads_a_month: float
    win_rate_pct: float
    deal_size: float
    margin: float | None
    known: dict[str, Known]
    unanswered_pct: float | None
    point_a_year: float
    """What one more point of conversion brings in a year."""
    break_even: BreakEven | None
    powers: list[Power]
    window: int
    """Months of the usual window on either side."""


def months_of(journal: Journal, project: Project, today: date) -> list[tuple[Any, ...]]:
    """Metric, month, numerator, denominator and scale of every month that can be judged."""
    variables = project.vars
    with duckdb.connect() as connection:
        for table, contract in project.journal_tables.items():
            names = [column.name for column in contract.columns]
            connection.execute(
                f"create table {table} ({', '.join(f'{name} varchar' for name in names)})"
            )
            rows = [[row[name] for name in names] for row in journal.rows[table]]
            if rows:
                marks = ", ".join("?" for _ in names)
                connection.executemany(f"insert into {table} values ({marks})", rows)
        return connection.execute(
            _sql("months"),
            {
                "today": datetime(today.year, today.month, today.day),
                "cycle_days": variables["cycle_horizon_days"],
                "inactivity_days": variables["client_inactivity_days"],
                "response_days": variables["response_horizon_days"],
            },
        ).fetchall()


def known_of_months(months: list[tuple[Any, ...]], fewest: int) -> dict[str, Known]:
    """Each metric with its spread between months; of fewer months only the value.

    The variance is that of a ratio of sums over months (Cochran 1977, chapter 6).
    """
    by_metric: dict[str, list[tuple[float, float, float]]] = {}
    for code, _, numerator, denominator, scale in months:
        by_metric.setdefault(code, []).append((numerator, denominator, scale))
    known = {}
    for code, rows in by_metric.items():
        n, scale = len(rows), rows[0][2]
        total = sum(x for _, x, _ in rows)
        ratio = sum(y for y, _, _ in rows) / total
        residuals = [y - ratio * x for y, x, _ in rows]
        squares = sum(one * one for one in residuals)
        variance = None
        correlation = 0.0
        if n >= fewest:
            variance = scale**2 * n / (n - 1) * squares / total**2 * n
            products = sum(a * b for a, b in pairwise(residuals))
            correlation = products / squares if squares > 0 else 0.0
        known[code] = Known(ratio * scale, n, variance, correlation)
    return known


def known_of_numbers(leads: float, win_rate_pct: float, deal_size: float) -> dict[str, Known]:
    """Conversion with the spread that chance alone gives it, and the deal size without any."""
    share = win_rate_pct / 100
    return {
        "conversion": Known(win_rate_pct, 0, 100**2 * share * (1 - share) / leads, is_least=True),
        "average_deal_size": Known(deal_size, 0, None),
    }


def break_even(
    cost: float,
    leads: float,
    win_rate_pct: float,
    deal_size: float,
    margin: float,
    cycle: float | None,
) -> BreakEven:
    """What each lever alone must bring so that a year pays for its cost.

    Cycle: with as many deals in hand, a shorter one lets as many more be taken on (Little's law).
    """
    share = win_rate_pct / 100
    earned = 12 * leads * share * deal_size * margin
    return BreakEven(
        cost,
        100 * cost / (12 * leads * deal_size * margin),
        cost / (deal_size * margin),
        cost / (12 * leads * share * margin),
        cost / (12 * share * deal_size * margin),
        cycle and cycle - cycle / (1 + cost / earned),
    )


def powers_of(known: dict[str, Known], goals: dict[str, float], project: Project) -> list[Power]:
    """Of each metric whose spread is known: how many months show its goal, or 20 %."""
    variables = project.vars
    found = []
    for code, metric in known.items():
        if metric.variance_of_a_month is None or not metric.value:
            continue
        pct = goals.get(code, WANTED_PCT)
        change = abs(metric.value) * pct / 100
        if not change:
            continue
        rows = power_by_window(metric, change, project)
        needed = next(
            (months for months, after, _ in rows if after is not None and after <= months), None
        )
        window = variables["comparison_months"]
        smallest = next(smallest for months, _, smallest in rows if months == window)
        found.append(
            Power(
                code,
                pct,
                change,
                code in goals,
                needed,
                needed and needed + variables["ramp_up_months"] + _follow_up(code, variables),
                100 * smallest / abs(metric.value),
                metric.is_least,
            )
        )
    return found


def _follow_up(code: str, variables: dict[str, Any]) -> int:
    days = {
        "sales_cycle": variables["cycle_horizon_days"],
        "retention": variables["client_inactivity_days"],
        "churn": variables["client_inactivity_days"],
    }
    return math.ceil(days[code] / 30.4) if code in days else FOLLOW_UP_MONTHS.get(code, 0)


def power_by_window(
    metric: Known, change: float, project: Project
) -> list[tuple[int, float | None, float]]:
    """For windows of 3 to 60 months: how many are needed after as many before, and what shows.

    Returns:
        Months of a window; months needed after (None: none do); the smallest change that shows.
    """
    macros = "".join(
        (project.package_directory / f"macros/metrics/{name}.sql").read_text("utf-8")
        for name in _MACROS
    )
    query = jinja2.Environment(autoescape=False).from_string(macros + _sql("power")).render()
    with duckdb.connect() as connection:
        return connection.execute(
            query,
            {
                "student_t": str(project.package_directory / "seeds/student_t.csv"),
                "variance_of_a_month": metric.variance_of_a_month,
                "change": change,
                "autocorrelation": metric.autocorrelation,
                "fewest": project.vars["min_comparison_months"],
                "most": max(_MOST_MONTHS, project.vars["comparison_months"]),
            },
        ).fetchall()


def goals_of(project: Project, known: dict[str, Known]) -> dict[str, float]:
    """The changes that the seed `goals` asks for, in percent of what is known, without sign."""
    path: Path = project.seeds_dir / "goals.csv"
    if not path.is_file():
        return {}
    goals = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            code, value = row["metric_code"], row["target_value"]
            try:
                if value and code in known and known[code].value:
                    goals[code] = abs(100 * (float(value) / known[code].value - 1))
                elif row["target_change_pct"]:
                    goals[code] = abs(float(row["target_change_pct"]))
            except ValueError as error:
                raise ConfigurationError(f"{path}: the goal of {code} is no number") from error
    return goals


def _sql(name: str) -> str:
    return (resources.files(__package__) / f"{name}.sql").read_text("utf-8")
