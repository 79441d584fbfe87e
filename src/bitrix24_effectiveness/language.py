"""The words of the terminal, and how figures are written, in `ru` or `en`."""

from __future__ import annotations

from importlib import resources

import yaml
from babel.numbers import format_decimal


class Language:
    """One part of `words/<code>.yml`."""

    def __init__(self, code: str, part: str) -> None:
        """Takes `ru` or `en`, and `report`, `verdict` or `explain`."""
        self.code = code
        words = resources.files(__package__) / "words" / f"{code}.yml"
        self._words = yaml.safe_load(words.read_text("utf-8"))[part]

    def word(self, key: str, **values: object) -> str:
        """The words for a key with these values filled in; a key without words is its own word."""
        return self._words.get(key, key).format(**values)

    def number(self, value: float | None, is_signed: bool = False) -> str:
        """A figure with as many digits as a person reads; `?` for null."""
        if value is None:
            return "?"
        digits = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 100 else 2
        # a small negative number must not become -0.00
        value = round(float(value), digits) + 0.0
        decimals = "#,##0." + "0" * digits
        plus = "+" if is_signed and value else ""
        pattern = f"{plus}{decimals};\N{MINUS SIGN}{decimals}"
        return format_decimal(value, pattern, self.code)

    def whole(self, count: float) -> str:
        """A count, with its thousands apart."""
        return format_decimal(int(count), "#,##0", self.code)
