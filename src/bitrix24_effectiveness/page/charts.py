"""Where the lines and dots of the page's charts lie; the template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH = 320
"""Of a chart, in its own units: it is as wide as there is room for."""
HEIGHT = 84
_LEFT, _TOP, _BOTTOM = 6.0, 14.0, 10.0


@dataclass(frozen=True)
class Dot:
    """A month: its place, and how much it counts (`counted`, `unripe`, `apart`, `none`)."""

    x: float
    y: float
    kind: str


@dataclass(frozen=True)
class Months:
    """A line of months, with what is compared shaded and the go-live marked."""

    dots: list[Dot]
    lines: list[str]
    """Points of each unbroken line."""
    bands: list[tuple[str, float, float]]
    """`before` and `after`: where they begin and how wide they are."""
    go_live: float | None
    goal: float | None
    """How high the goal lies."""
    radius: float


@dataclass(frozen=True)
class Interval:
    """A change with its interval, and where nothing would have changed."""

    low: float
    high: float
    zero: float
    change: float


def months_chart(
    months: Sequence[tuple[date, float | None, str]],
    windows: dict[str, tuple[date, date]],
    go_live: date | None,
    goal: float | None = None,
) -> Months:
    """A line of months.

    Args:
        months: Each month with its value (none: there is nothing to say) and its kind.
        windows: `before`, `after` -> first and last month.
        go_live: Day on which the CRM went live.
        goal: A value of the same measure that is wanted.
    """
    starts = [month for month, _, _ in months]
    step = (WIDTH - 2 * _LEFT) / max(len(months), 1)
    values = [value for value in (goal, *(value for _, value, _ in months)) if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    bottom = HEIGHT - _BOTTOM

    def across(month: date) -> float:
        """The left edge of a month, also of one outside the line."""
        first = starts[0]
        return _LEFT + step * ((month.year - first.year) * 12 + month.month - first.month)

    def up(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(bottom - 6 - share * (bottom - 6 - _TOP), 1)

    dots, lines = [], []
    line: list[str] = []
    for month, value, kind in months:
        x = across(month) + step / 2
        if value is None:
            dots.append(Dot(round(x, 1), bottom, "none"))
            lines.append(line)
            line = []
            continue
        dot = Dot(round(x, 1), up(value), kind)
        dots.append(dot)
        line.append(f"{dot.x},{dot.y}")
    lines.append(line)
    bands = []
    for name, (first, last) in windows.items():
        left = max(across(first), _LEFT)
        right = min(across(last) + step, WIDTH - _LEFT)
        if right > left:
            bands.append((name, round(left, 1), round(right - left, 1)))
    mark = None
    if go_live and starts:
        mark = round(across(go_live) + step * (go_live.day - 1) / 31, 1)
    return Months(
        dots,
        [" ".join(points) for points in lines if len(points) > 1],
        bands,
        mark if mark is not None and _LEFT <= mark <= WIDTH - _LEFT else None,
        None if goal is None else up(goal),
        round(min(2.6, max(1.0, step / 3)), 1),
    )


def interval_chart(change: float, low: float, high: float) -> Interval:
    """Places from 0 to 100 of a change, its interval and zero."""
    first, last = min(low, change, 0.0), max(high, change, 0.0)
    width = (last - first) or 1.0

    def place(value: float) -> float:
        return round(4 + 92 * (value - first) / width, 1)

    return Interval(place(low), place(high), place(0), place(change))
