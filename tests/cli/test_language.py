"""Both languages say the same, and write figures as their readers do."""

from __future__ import annotations

from importlib import resources
from string import Formatter

import pytest
import yaml

from bitrix24_effectiveness.language import Language


def placeholders(code: str) -> dict[str, set[str]]:
    """Of each key of a language, what is filled in."""
    text = (resources.files("bitrix24_effectiveness") / "words" / f"{code}.yml").read_text("utf-8")
    return {
        f"{part}.{key}": {name for _, name, _, _ in Formatter().parse(words) if name}
        for part, entries in yaml.safe_load(text).items()
        for key, words in entries.items()
    }


def test_both_languages_have_the_same_keys_and_fill_in_the_same_values() -> None:
    assert placeholders("en") == placeholders("ru")


@pytest.mark.parametrize(
    ("value", "is_signed", "english", "russian"),
    [
        (1234567.4, False, "1,234,567", "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567"),
        (1234.56, True, "+1,234.6", "+1\N{NO-BREAK SPACE}234,6"),
        (-6.1, True, "\N{MINUS SIGN}6.10", "\N{MINUS SIGN}6,10"),
        (-0.001, True, "0.00", "0,00"),
        (None, True, "?", "?"),
    ],
)
def test_a_figure_has_as_many_digits_as_a_person_reads(
    value: float | None, is_signed: bool, english: str, russian: str
) -> None:
    assert Language("en", "report").number(value, is_signed) == english
    assert Language("ru", "report").number(value, is_signed) == russian
