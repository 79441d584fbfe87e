"""An independent reading of the metric specification: plain Python over the raw rows.

Nothing here was written from the SQL, so that two implementations that agree are evidence.
``compute`` takes a portal as lists of dicts and gives every figure of the marts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from .adoption import adoption
from .clients import client_cohorts
from .context import MissingRateError, Run
from .effect import EffectResult, compute_effect
from .metrics import HEADLINES, SEGMENT_TYPES, Metrics

__all__ = [
    "HEADLINES",
    "SEGMENT_TYPES",
    "EffectResult",
    "MissingRateError",
    "Result",
    "compute",
    "compute_effect",
]

Rows = dict[Any, dict[str, Any]]


@dataclass
class Result:
    """All marts of one run; money is Decimal with 6 decimals, an unknown value is None."""

    tables: dict[str, dict[tuple[str, date, str, str], dict[str, Any]]]
    metric_values: Rows
    rejected: list[tuple[str, str | None, str]]
    counts: dict[str, dict[str, int]]
    client_cohorts: Rows
    deal_stage_durations: Rows
    loss_by_stage: Rows
    crm_adoption: Rows
    metrics: Metrics


def compute(
    portal: dict[str, list[dict[str, Any]]],
    seeds: dict[str, list[dict[str, Any]]] | None = None,
    variables: dict[str, Any] | None = None,
) -> Result:
    """Every figure of the marts for one portal.

    Args:
        portal: raw table -> rows (column -> text, native value or None). A table may be absent.
        seeds: seed -> rows; an absent seed is empty.
        variables: dbt vars; absent ones have their defaults.

    Raises:
        MissingRateError: an amount in a currency that has no rate.
    """
    run = Run(portal, seeds or {}, variables or {})
    metrics = Metrics(run)
    tables = metrics.tables() if metrics.periods else {code: {} for code in SEGMENT_TYPES}
    return Result(
        tables=tables,
        metric_values=metrics.metric_values(tables),
        rejected=run.rejected,
        counts=run.counts,
        client_cohorts=client_cohorts(run, metrics.clients),
        deal_stage_durations=metrics.deal_stage_durations(),
        loss_by_stage=metrics.loss_by_stage(),
        crm_adoption=adoption(metrics),
        metrics=metrics,
    )
