"""`metric_alerts`: figures that a person wants to hear of, by the seed `alerts`.

Judged is the newest complete month of which the metric can be told. Without a threshold a figure is
told when it lies outside the usual range of its own months: the 99 % prediction interval by the 6
to 12 months before it. A metric is numerator / denominator, and a month with fewer cases swings
more: of months `i` with values `v` and denominators `d` (1 where the metric has none)

    R = sum(d v) / sum(d)                       the usual value
    s2 = sum(d (v - R)^2) / (n - 1)
    range = R -+ t(0.995, n - 1) sqrt(s2 (1 / d_new + 1 / sum(d)))

which is the interval of weighted least squares through the origin (variance of a numerator in
proportion to its denominator). Months are taken as alike but for chance: a trend and a season are
not allowed for, so a metric with a strong season wants a threshold of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of
from bitrix24_effectiveness.warehouse.kept import KEPT, METRIC_ALERTS, definition

MOST_MONTHS, FEWEST_MONTHS = 12, 6
# quantile 0.995 of Student's t, by degrees of freedom
QUANTILES = {5: 4.0321, 6: 3.7074, 7: 3.4995, 8: 3.3554, 9: 3.2498, 10: 3.1693, 11: 3.1058}


@dataclass(frozen=True)
class Alert:
    """A figure to be told of."""

    alert_id: str
    metric_code: str
    segment_type: str
    segment_id: str
    segment_name: str | None
    period_start: date
    value: float
    low: float | None
    """Below it the figure is told; None: however low it is."""
    high: float | None
    months: int | None
    """How many months the range is made of; None: a person has set it."""


def usual_range(months: Sequence[Row], new_denominator: float | None) -> tuple[float, float] | None:
    """Between what values a month as those before lies 99 times of 100.

    Args:
        months: `value` and `denominator` of those before; more than enough are not used.
        new_denominator: Of the month to be judged.

    Returns:
        None: there are too few months.
    """
    used = [
        (row["value"], 1.0 if row["denominator"] is None else row["denominator"]) for row in months
    ][-MOST_MONTHS:]
    new = 1.0 if new_denominator is None else new_denominator
    used = [(value, cases) for value, cases in used if cases > 0]
    if len(used) < FEWEST_MONTHS or new <= 0:
        return None
    total = sum(cases for _, cases in used)
    usual = sum(cases * value for value, cases in used) / total
    spread = sum(cases * (value - usual) ** 2 for value, cases in used) / (len(used) - 1)
    half = QUANTILES[len(used) - 1] * math.sqrt(spread * (1 / new + 1 / total))
    return usual - half, usual + half


def judged(alert: Row, months: Sequence[Row]) -> Alert | None:
    """The alert, if the newest of the months calls for it.

    Args:
        alert: Row of the seed.
        months: Rows of `metric_values` of its metric and segment that have a value, by time.
    """
    if not months:
        return None
    *before, newest = months
    is_own = alert["threshold"] is None
    if is_own:
        bounds = usual_range(before, newest["denominator"])
        if bounds is None:
            return None
    else:
        bounds = (float(alert["threshold"]),) * 2
    low = bounds[0] if alert["direction"] in ("below", "either") else None
    high = bounds[1] if alert["direction"] in ("above", "either") else None
    # sums of fractions in another order
    slack = 1e-9 * abs(newest["value"])
    is_outside = (low is not None and newest["value"] < low - slack) or (
        high is not None and newest["value"] > high + slack
    )
    if not is_outside:
        return None
    return Alert(
        alert["alert_id"],
        alert["metric_code"],
        alert["segment_type"],
        alert["segment_id"],
        newest["segment_name"],
        newest["period_start"],
        newest["value"],
        low,
        high,
        min(len(before), MOST_MONTHS) if is_own else None,
    )


def keep_alerts(project: Project, log: Log) -> list[Alert]:
    """Judges the marts of the warehouse, and keeps what calls for an alert.

    Args:
        project: Where they are.
        log: Says which alerts are on a segment that is not there.

    Returns:
        What was not told before: each alert is told once for a month.

    Raises:
        ConfigurationError: the warehouse cannot be read or written to.
        AnotherRunError: another process has it open.
    """
    warehouse = warehouse_of(project)
    published_at = warehouse.publication()
    marts, quality = project.schema("marts"), project.schema("quality")
    with warehouse.beside(may_write=True) as reader:
        if reader is None or not {(marts, "alerts"), (marts, "metric_values")} <= reader.tables_of(
            marts
        ):
            return []
        wanted = reader.rows(f"select * from {quote(marts)}.alerts order by alert_id")
        if not wanted:
            return []
        if (quality, METRIC_ALERTS) not in reader.tables_of(quality):
            reader.execute(f"create schema if not exists {quote(quality)}")
            for statement in definition(quality, METRIC_ALERTS):
                reader.execute(statement)
        table = f"{quote(quality)}.{METRIC_ALERTS}"
        # those of a publication that failed, of which nobody heard
        last = published_at or datetime.min.replace(tzinfo=UTC)
        reader.execute(
            f"delete from {table} where found_at > ?", [last.astimezone(UTC).replace(tzinfo=None)]
        )
        told = set(reader.tuples(f"select alert_id, period_start from {table}"))
        new = []
        for alert in wanted:
            found = _judged_here(reader, marts, alert, log)
            if found and (found.alert_id, found.period_start) not in told:
                new.append(found)
                _write(reader, table, found)
    return new


def _judged_here(reader: Reader, marts: str, alert: Row, log: Log) -> Alert | None:
    months = reader.rows(
        "select period_start, segment_name, value, denominator, value_status "
        f"from {quote(marts)}.metric_values where metric_code = ? and segment_type = ? "
        "and segment_id = ? and period_grain = 'month' order by period_start",
        [alert["metric_code"], alert["segment_type"], alert["segment_id"]],
    )
    if not months:
        segment = f"{alert['segment_type']} {alert['segment_id']}"
        log.event(
            "alert_of_nothing",
            f"alert {alert['alert_id']}: {alert['metric_code']} has no figures of {segment}",
            "warning",
            alert=alert["alert_id"],
            metric=alert["metric_code"],
            segment=segment,
        )
    return judged(alert, [row for row in months if row["value_status"] == "measured"])


def _write(reader: Reader, table: str, alert: Alert) -> None:
    columns = list(KEPT[METRIC_ALERTS][1])
    values: dict[str, Any] = vars(alert) | {"found_at": datetime.now(UTC).replace(tzinfo=None)}
    reader.execute(
        f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' for _ in columns)})",
        [values[column] for column in columns],
    )
