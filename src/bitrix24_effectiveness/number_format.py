"""Figures of the published marts, written as people do."""

from __future__ import annotations


def number(value: float, language: str, is_signed: bool = False) -> str:
    """A figure with as many digits as a person reads; `language` is `ru` or `en`."""
    digits = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 100 else 2
    # a small negative number must not become -0.00
    value = round(float(value), digits) + 0.0
    text = f"{value:{'+' if is_signed and value else ''},.{digits}f}".replace("-", "\N{MINUS SIGN}")
    if language == "ru":
        text = text.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")
    return text


def whole(count: float, language: str) -> str:
    """A count, with its thousands apart."""
    separator = "\N{NO-BREAK SPACE}" if language == "ru" else ","
    return f"{int(count):,}".replace(",", separator)
