"""Cells of a spreadsheet as people fill them in -> the text that staging reads.

A cell that cannot be read stays as it is: staging rejects its row, and keeps it for people to see.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from openpyxl.utils.datetime import from_excel

_BLANKS = re.compile(r"[ \t\u00a0\u2007\u2009\u202f']")
_DATE = re.compile(
    r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}|\d{2})"
    r"(?:,?[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2})?))?"
)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
# 1,250 is 1250 to some and 1.25 to others
_AMBIGUOUS = re.compile(r"[+-]?\d{1,3},\d{3}")
# days as Excel counts them, 1954 to 2119: in a column of dates whose cells lost their format
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000


class UnreadableCell(ValueError):
    """What is wrong with a cell, for the person who filled it in."""


def text_of(value: Any) -> str | None:
    """A number or name as it stands in the cell; None where it is empty."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(str(value if value is not None else "").split())
    return text or None


def time_of(value: Any) -> str | None:
    """ISO 8601 of a date or an instant: as Excel has them, ISO, or dd.mm.yyyy [hh:mm].

    Raises:
        UnreadableCell: it is no date.
    """
    if isinstance(value, bool):
        raise UnreadableCell(f"{value} is no date")
    if isinstance(value, int | float) and _FIRST_SERIAL <= value <= _LAST_SERIAL:
        value = from_excel(value)
    if isinstance(value, datetime):
        # Excel counts in parts of a day: a second is not exact in them
        return (value + timedelta(microseconds=500_000)).replace(microsecond=0).isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    text = text_of(value)
    if text is None:
        return None
    if found := _DATE.fullmatch(text):
        year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
        day = f"{year}-{int(found['month']):02}-{int(found['day']):02}"
        clock = found["time"] or ""
    elif _ISO.fullmatch(text):
        day, _, clock = text.replace("T", " ").partition(" ")
    else:
        raise UnreadableCell(f"{text} is no date such as 31.12.2025 or 31.12.2025 14:05")
    if clock[1:2] == ":":
        clock = f"0{clock}"
    text = f"{day} {clock}".strip()
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableCell(f"{text_of(value)} is no day of the calendar") from error
    return text


def number_of(value: Any) -> str | None:
    """An amount with a point before its decimals: blanks between thousands, a decimal comma.

    Raises:
        UnreadableCell: it is no number, or could be two.
    """
    if isinstance(value, bool | datetime | date):
        raise UnreadableCell(f"{value} is no number")
    if isinstance(value, int | float):
        return (
            format(value, "f").rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        )
    text = text_of(value)
    if text is None:
        return None
    bare = _BLANKS.sub("", text)
    if _AMBIGUOUS.fullmatch(bare):
        thousands, decimals = bare.replace(",", ""), bare.replace(",", ".")
        raise UnreadableCell(f"{text} can be {thousands} or {decimals}: write one of them")
    if not _NUMBER.fullmatch(bare):
        raise UnreadableCell(f"{text} is no number such as 125000 or 125 000,50")
    return bare.replace(",", ".")
