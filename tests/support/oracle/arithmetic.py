"""Money, percentiles and survival, done by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

DAY = timedelta(days=1)
YEAR = timedelta(days=365.25)
MILLION = 10**6


def money(value: Fraction | Decimal | int) -> Decimal:
    """Rounded to 6 decimals, halves away from zero."""
    scaled = Fraction(value) * MILLION
    rounded = math.floor(abs(scaled) + Fraction(1, 2))
    return Decimal(rounded if scaled >= 0 else -rounded).scaleb(-6)


def ratio(numerator, denominator, times: int = 1) -> float | None:
    """``numerator / denominator * times``; null when there is nothing to divide or to divide by."""
    if numerator is None or denominator is None or denominator == 0:
        return None
    return float(numerator) / float(denominator) * times


def product(*factors: float | None) -> float | None:
    """Null as soon as one factor is null."""
    return None if None in factors else math.prod(float(factor) for factor in factors)


def percentile(values: Iterable[float], share: float) -> float | None:
    """Linear interpolation between the two neighbours (``percentile_cont``); null of nothing."""
    ordered = sorted(float(value) for value in values)
    if not ordered:
        return None
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median_survival(durations: Sequence[tuple[timedelta, bool]]) -> timedelta | None:
    """Kaplan-Meier median of (duration, is event): the first event time with S(t) <= 1/2.

    Null when the curve stays above one half. Those censored at the time of an event are still at
    risk then.
    """
    ordered = sorted(durations)
    survival = 1.0
    steps: list[tuple[int, int]] = []
    index = 0
    while index < len(ordered):
        at = ordered[index][0]
        same = index
        events = 0
        while same < len(ordered) and ordered[same][0] == at:
            events += ordered[same][1]
            same += 1
        if events:
            at_risk = len(ordered) - index
            survival *= (at_risk - events) / at_risk
            steps.append((at_risk - events, at_risk))
            is_half = survival <= 0.5
            if abs(survival - 0.5) < 1e-9:
                # floats cannot tell one half from nearly one half
                alive = math.prod(step[0] for step in steps)
                is_half = 2 * alive <= math.prod(step[1] for step in steps)
            if is_half:
                return at
        index = same
    return None
