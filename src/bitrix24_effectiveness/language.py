"""The words of the terminal, and how figures, money and dates are written, in `ru` or `en`."""

from __future__ import annotations

import textwrap
from datetime import date
from functools import cache
from importlib import resources

import yaml
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from bitrix24_effectiveness.files import YAML_LOADER

_MONTH = {"en": "MMM y", "ru": "MM.y"}
_DAY = {"en": "d MMMM y", "ru": "d MMMM y"}
_MONEY = {"en": "¤¤ #,##0", "ru": "#,##0 ¤"}
_MINUS = "\N{MINUS SIGN}"
# ISO 4217 for no currency: the portal names none
_NO_CURRENCY = ("", "XXX")


def wrapped(text: str, width: int) -> str:
    """The text in lines of a width; a figure stays in one piece, where rich would break it."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return textwrap.fill(
        text,
        width,
        subsequent_indent=indent + ("  " if text.lstrip(" ").startswith("- ") else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )


@cache
def _words_of(code: str) -> dict[str, dict[str, str | dict[str, str]]]:
    file = resources.files(__package__) / "words" / f"{code}.yml"
    return yaml.load(file.read_text("utf-8"), YAML_LOADER)


class Language:
    """Some parts of `words/<code>.yml`, and of it units and statuses, which every part needs."""

    def __init__(self, code: str, *parts: str) -> None:
        """Takes `ru` or `en`, and parts such as `report` or `explain`."""
        self.code = code
        words = _words_of(code)
        self._words: dict[str, str | dict[str, str]] = {}
        for part in ("units", "statuses", *parts):
            self._words |= words[part]

    def word(self, key: str, **values: object) -> str:
        """The words for a key with these values filled in; a key without words is its own word.

        Words with forms for one and for many take that of `n`.
        """
        words = self._words.get(key, key)
        if isinstance(words, dict):
            n = values["n"]
            words = words[Locale(self.code).plural_form(n if isinstance(n, int) else 0)]
        return words.format(**values)

    def has(self, key: str) -> bool:
        """Whether there are words for a key."""
        return key in self._words

    def number(self, value: float | None, is_signed: bool = False) -> str:
        """A figure with as many digits as a person reads; `?` for null."""
        if value is None:
            return "?"
        size = abs(value)
        digits = 0 if size >= 100 else 1 if size >= 10 else 2
        # a small negative number must not become -0.00
        value = round(float(value), digits) + 0.0
        decimals = "#,##0" + ("." + "#" * digits if digits else "")
        plus = "+" if is_signed and value else ""
        return format_decimal(value, f"{plus}{decimals};{_MINUS}{decimals}", self.code)

    def whole(self, count: float) -> str:
        """A count, with its thousands apart."""
        return format_decimal(int(count), "#,##0", self.code)

    def figure(self, value: float | None, unit: str, currency: str | None) -> str:
        """A figure in its unit: 26 178 ₽, 3 ч 33 мин, 12,3 %, 17,1 дн.; `?` for null."""
        if value is None:
            return "?"
        text = self._amount(abs(value), unit, currency).replace(" ", "\N{NO-BREAK SPACE}")
        return (_MINUS if value < 0 and any(digit in text for digit in "123456789") else "") + text

    def signed(self, value: float | None, unit: str, currency: str | None) -> str:
        """The same of a change, with its sign; percentages change by points."""
        text = self.figure(value, "points" if unit == "percent" else unit, currency)
        is_zero = not any(digit in text for digit in "123456789")
        return text if value is None or is_zero or value < 0 else f"+{text}"

    def _amount(self, value: float, unit: str, currency: str | None) -> str:
        if unit == "money":
            # no kopecks from a hundred up
            pattern = (
                _MONEY[self.code]
                if value >= 100 or not value
                else _MONEY[self.code].replace("0", "0.00")
            )
            if currency is None or currency in _NO_CURRENCY:
                return format_decimal(value, pattern.strip("¤ "), self.code)
            return format_currency(value, currency, pattern, self.code, currency_digits=False)
        if unit == "minutes" and value >= 59.5:
            hours, minutes = divmod(round(value), 60)
            return self.word("hours_minutes", hours=self.whole(hours), minutes=minutes)
        digits = 0 if unit in ("minutes", "share") and value >= 10 else 1
        rounded = round(value, digits)
        pattern = "#,##0.0" if digits and rounded else "#,##0"
        text = format_decimal(rounded, pattern, self.code)
        return self.word(f"{unit}_figure", value=text)

    def day(self, day: date) -> str:
        """1 May 2025, 1 мая 2025."""
        return format_date(day, _DAY[self.code], self.code)

    def month(self, month: date) -> str:
        """May 2025, 05.2025."""
        return format_date(month, _MONTH[self.code], self.code)

    def period(self, grain: str, start: date) -> str:
        """2026, Q3 2026 (3 кв. 2026), Oct 2026 (10.2026)."""
        if grain == "year":
            return f"{start:%Y}"
        if grain == "quarter":
            return self.word("quarter", number=(start.month + 2) // 3, year=start.year)
        return self.month(start)

    def months(self, first: date, last: date) -> str:
        """May 2024–Apr 2025, 05.2024–04.2025; a month alone by itself."""
        if (first.year, first.month) == (last.year, last.month):
            return self.month(first)
        return f"{self.month(first)}\N{EN DASH}{self.month(last)}"
