"""Values as a portal compares them: numbers as numbers, times as instants, the rest as text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?([+-]\d\d:?\d\d|Z)?)?")
_SERVER = timezone(timedelta(hours=3))
_EMPTY = (0, "")


def instant(value: Any) -> float | None:
    """Seconds since 1970 of a time in ISO 8601; None if it is none.

    A time without an offset is one of the server.
    """
    kind, number = comparable(value)
    return number if kind == 2 else None


def comparable(value: Any) -> tuple[int, Any]:
    """A value with its kind: 0 empty, 1 number, 2 instant in seconds, 3 text."""
    return _comparable(value if isinstance(value, str) else "" if value is None else str(value))


@lru_cache(maxsize=200_000)
def _comparable(text: str) -> tuple[int, Any]:
    if not text:
        return _EMPTY
    if _NUMBER.fullmatch(text):
        return 1, float(text)
    if _TIME.fullmatch(text):
        moment = datetime.fromisoformat(text)
        return 2, (moment if moment.tzinfo else moment.replace(tzinfo=_SERVER)).timestamp()
    return 3, text


def less(left: Any, right: Any) -> bool:
    """Whether `left` comes before `right`; an empty value comes before all others."""
    one, other = comparable(left), comparable(right)
    if one[0] != other[0] and _EMPTY not in (one, other):
        return str(left) < str(right)
    return one < other
