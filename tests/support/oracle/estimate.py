"""Intervals on months: ratio estimator, autocorrelation, Student's t, segmented regression.

Nothing here knows a metric. A window is a list of months with (y, x); its value is sum(y) / sum(x).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scipy.stats import binom, t

CONFIDENCE = 0.975
POWER = 0.8
FARTHEST_MONTH = 120


@dataclass(frozen=True)
class Window:
    """Months of one side; ``months`` are ordinals, so that neighbours differ by 1."""

    months: tuple[int, ...]
    y: tuple[float, ...]
    x: tuple[float, ...]

    @property
    def size(self) -> int:
        return len(self.months)

    @cached_property
    def ratio(self) -> float | None:
        return sum(self.y) / sum(self.x) if sum(self.x) else None

    @cached_property
    def residuals(self) -> list[float]:
        return [y - self.ratio * x for y, x in zip(self.y, self.x, strict=True)]

    @cached_property
    def variance(self) -> float | None:
        """Of the ratio (Cochran 1977, chapter 6); null of a single month."""
        if self.size < 2 or self.ratio is None:
            return None
        squares = sum(residual**2 for residual in self.residuals)
        return self.size / (self.size - 1) * squares / sum(self.x) ** 2

    @property
    def degrees(self) -> float:
        return self.size - 1


@dataclass(frozen=True)
class Sample:
    """A side that somebody measured by hand."""

    ratio: float
    variance: float | None
    degrees: float


def residual_autocorrelation(windows: Sequence[Window]) -> float:
    """Lag 1, of neighbouring months; each window's residuals in units of their own deviation."""
    products = squares = 0.0
    for window in windows:
        deviation = math.sqrt(sum(e**2 for e in window.residuals) / (window.size - 1))
        if not deviation:
            continue
        scaled = [residual / deviation for residual in window.residuals]
        squares += sum(residual**2 for residual in scaled)
        for index in range(1, window.size):
            if window.months[index] == window.months[index - 1] + 1:
                products += scaled[index] * scaled[index - 1]
    return products / squares if squares else 0.0


def corrected_autocorrelation(windows: Sequence[Window]) -> float:
    """Lag 1: r + (1 + 3 max(r, 0)) / m, cut to [0, 0.9]; m: the mean months of a window."""
    r = residual_autocorrelation(windows)
    m = sum(window.size for window in windows) / len(windows)
    return min(max(r + (1 + 3 * max(r, 0.0)) / m, 0.0), 0.9)


def inflation(windows: Sequence[Window]) -> float:
    r = corrected_autocorrelation(windows)
    return (1 + r) / (1 - r)


def welch_degrees(first: tuple[float, float], second: tuple[float, float], factor: float) -> float:
    """Of two (variance, degrees), divided by the factor of dependence, at least 2."""
    total = (first[0] + second[0]) ** 2
    parts = first[0] ** 2 / first[1] + second[0] ** 2 / second[1]
    # without any spread the interval is a point, whatever the quantile
    return max(total / parts / factor, 2.0) if parts else 2.0


@dataclass(frozen=True)
class Difference:
    """After less before."""

    change: float
    error: float
    degrees: float

    @property
    def margin(self) -> float:
        return float(t.ppf(CONFIDENCE, self.degrees)) * self.error

    @property
    def low(self) -> float:
        return self.change - self.margin

    @property
    def high(self) -> float:
        return self.change + self.margin

    @property
    def smallest_detectable(self) -> float:
        """Found in four of five cases, were it there."""
        quantiles = t.ppf([CONFIDENCE, POWER], self.degrees)
        return float(sum(quantiles)) * self.error


def difference(before: Window | Sample, after: Window) -> Difference | None:
    """Null when a side has no spread to go by."""
    if before.variance is None or after.variance is None:
        return None
    factor = inflation([side for side in (before, after) if isinstance(side, Window)])
    return Difference(
        after.ratio - before.ratio,
        math.sqrt((before.variance + after.variance) * factor),
        welch_degrees((before.variance, before.degrees), (after.variance, after.degrees), factor),
    )


def months_to_tell(
    before: Window | Sample, after: Window | None, target: float, fewest: int
) -> int | None:
    """Months of ``after`` from which on ``target`` is found; null when it is already, or never.

    As long as there is no usable ``after`` its months are taken to spread like those of ``before``.
    """
    like = after if after is not None and after.variance is not None else before
    if before.variance is None or not isinstance(like, Window) or not target:
        return None
    if like is after:
        now = difference(before, after)
        if now is not None and now.smallest_detectable <= target:
            return None
    per_month = like.variance * like.size
    factor = inflation(
        [side for side in (before, after) if isinstance(side, Window) and side.variance is not None]
    )
    for months in range(max(fewest, 2), FARTHEST_MONTH + 1):
        variance = per_month / months
        then = Difference(
            0.0,
            math.sqrt((before.variance + variance) * factor),
            welch_degrees((before.variance, before.degrees), (variance, months - 1), factor),
        )
        if then.smallest_detectable <= target:
            return months
    return None


@dataclass(frozen=True)
class Line:
    """Monthly ratios on time, each month weighing as much as its x."""

    weight: float
    centre: float
    level: float
    slope: float
    squares_of_time: float
    squares_left: float
    points: int

    def at(self, month: float) -> float:
        return self.level + self.slope * (month - self.centre)


def line_through(window: Window) -> Line | None:
    points = [
        (month, y / x, x)
        for month, y, x in zip(window.months, window.y, window.x, strict=True)
        if x
    ]
    weight = sum(x for _, _, x in points)
    if len(points) < 2:
        return None
    centre = sum(month * x for month, _, x in points) / weight
    level = sum(z * x for _, z, x in points) / weight
    squares_of_time = sum(x * (month - centre) ** 2 for month, _, x in points)
    slope = sum(x * (month - centre) * z for month, z, x in points) / squares_of_time
    left = sum(x * (z - level - slope * (month - centre)) ** 2 for month, z, x in points)
    return Line(weight, centre, level, slope, squares_of_time, left, len(points))


def beyond_trend(before: Window, after: Window) -> Difference | None:
    """The level of ``after`` less the continued line of ``before``.

    Segmented regression: a level and a slope on each side, one variance of both, which is
    multiplied like that of the change. Null with too few months.
    """
    past, present = line_through(before), line_through(after)
    if past is None or present is None or past.points + present.points <= 4:
        return None
    degrees = past.points + present.points - 4
    variance = (past.squares_left + present.squares_left) / degrees
    factor = inflation([before, after])
    ahead = present.centre - past.centre
    spread = 1 / present.weight + 1 / past.weight + ahead**2 / past.squares_of_time
    return Difference(
        present.level - past.at(present.centre),
        math.sqrt(variance * spread * factor),
        max(degrees / factor, 2.0),
    )


def is_strong(before: Window, after: Window, change: float) -> bool:
    found = beyond_trend(before, after)
    if found is None:
        return False
    return found.low > 0 if change > 0 else found.high < 0


def is_explained_by_trend(before: Window, after: Window, change: float) -> bool:
    """The slope before is certain, points the same way, and could have brought as much."""
    past, present = line_through(before), line_through(after)
    if past is None or present is None or past.points < 3:
        return False
    degrees = past.points - 2
    error = math.sqrt(past.squares_left / degrees / past.squares_of_time)
    margin = float(t.ppf(CONFIDENCE, degrees)) * error
    ahead = present.centre - past.centre
    if change > 0:
        return past.slope - margin > 0 and (past.slope + margin) * ahead >= change
    return past.slope + margin < 0 and (past.slope - margin) * ahead <= change


def chance_of_at_least(better: int, families: int) -> float:
    """So many families better where nothing changed, at 2.5 % each."""
    return float(binom.sf(better - 1, families, 1 - CONFIDENCE))
