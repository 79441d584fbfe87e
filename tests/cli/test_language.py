"""Both languages say the same, and write figures as their readers do."""

from __future__ import annotations

from datetime import date
from importlib import resources
from string import Formatter

import pytest
import yaml

from bitrix24_effectiveness.language import Language, wrapped


def placeholders(code: str) -> dict[str, set[str]]:
    """Of each key of a language, what is filled in; `n` may stay unsaid, as in "one month"."""
    text = (resources.files("bitrix24_effectiveness") / "words" / f"{code}.yml").read_text("utf-8")
    return {
        f"{part}.{key}": {name for name in names_in(words) if name != "n"}
        for part, entries in yaml.safe_load(text).items()
        for key, words in entries.items()
    }


def names_in(words: str | dict[str, str]) -> set[str]:
    forms = words.values() if isinstance(words, dict) else [words]
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


def test_words_with_forms_have_all_forms_of_the_language() -> None:
    for code, forms in (("en", {"one", "other"}), ("ru", {"one", "few", "many"})):
        file = resources.files("bitrix24_effectiveness") / "words" / f"{code}.yml"
        for part in yaml.safe_load(file.read_text("utf-8")).values():
            for words in part.values():
                assert isinstance(words, str) or set(words) == forms
    russian = Language("ru", "verdict")
    said = [russian.word("more", n=n).partition(":")[0] for n in (1, 3, 5, 21)]
    assert said == [
        "Всего 1 замечание",
        "Всего 3 замечания",
        "Всего 5 замечаний",
        "Всего 21 замечание",
    ]


def test_both_languages_have_the_same_keys_and_fill_in_the_same_values() -> None:
    assert placeholders("en") == placeholders("ru")


@pytest.mark.parametrize(
    ("value", "is_signed", "english", "russian"),
    [
        (1234567.4, False, "1,234,567", "1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567"),
        (1234.56, True, "+1,235", "+1\N{NO-BREAK SPACE}235"),
        (12.34, False, "12.3", "12,3"),
        (-6.1, True, "\N{MINUS SIGN}6.1", "\N{MINUS SIGN}6,1"),
        (-0.001, True, "0", "0"),
        (None, True, "?", "?"),
    ],
)
def test_a_figure_has_as_many_digits_as_a_person_reads(
    value: float | None, is_signed: bool, english: str, russian: str
) -> None:
    assert Language("en", "report").number(value, is_signed) == english
    assert Language("ru", "report").number(value, is_signed) == russian


@pytest.mark.parametrize(
    ("value", "unit", "english", "russian"),
    [
        (26177.6, "money", "RUB 26,178", "26 178 ₽"),
        (99.5, "money", "RUB 99.50", "99,50 ₽"),
        (0, "money", "RUB 0", "0 ₽"),
        (213.4, "minutes", "3 h 33 min", "3 ч 33 мин"),
        (59.4, "minutes", "59 min", "59 мин"),
        (59.6, "minutes", "1 h 0 min", "1 ч 0 мин"),
        (4.25, "minutes", "4.2 min", "4,2 мин"),
        (12.34, "percent", "12.3%", "12,3 %"),
        (17.06, "days", "17.1 days", "17,1 дн."),
        (None, "days", "?", "?"),
    ],
)
def test_a_figure_is_written_in_its_unit(
    value: float | None, unit: str, english: str, russian: str
) -> None:
    for code, expected in (("en", english), ("ru", russian)):
        got = Language(code).figure(value, unit, "RUB")
        assert got.replace("\N{NO-BREAK SPACE}", " ") == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (7.42, "percent", "+7.4 points"),
        (-212.0, "minutes", "\N{MINUS SIGN}3 h 32 min"),
        (0.0, "days", "0 days"),
        # rounded away: neither more nor less
        (-0.01, "days", "0 days"),
    ],
)
def test_a_change_has_its_sign_and_percentages_change_by_points(
    value: float, unit: str, expected: str
) -> None:
    got = Language("en").signed(value, unit, None)
    assert got.replace("\N{NO-BREAK SPACE}", " ") == expected


def test_a_figure_is_not_broken_over_two_lines() -> None:
    figure = Language("ru").figure(1528477, "money", "RUB")
    lines = wrapped(f"  - выручка {figure}", 18).splitlines()
    assert lines == ["  - выручка", f"    {figure}"]


def test_money_without_a_currency_has_no_sign_of_one() -> None:
    assert Language("en").figure(1234.4, "money", "XXX") == "1,234"
    assert Language("ru").figure(1234.4, "money", None) == "1\N{NO-BREAK SPACE}234"


def test_dates_and_months_are_those_of_the_reader() -> None:
    english, russian = Language("en"), Language("ru")
    day = date(2025, 5, 1)
    assert (english.day(day), russian.day(day)) == ("1 May 2025", "1 мая 2025")
    year = date(2024, 5, 1), date(2025, 4, 1)
    assert english.months(*year) == "May 2024\N{EN DASH}Apr 2025"
    assert russian.months(*year) == "05.2024\N{EN DASH}04.2025"
    quarters = english.period("quarter", day), russian.period("quarter", day)
    assert quarters == ("Q2 2025", "2 кв. 2025")
