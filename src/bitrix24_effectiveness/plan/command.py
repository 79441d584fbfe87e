"""`crm-effect plan`: the questions, and the answer in words or as JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click
from rich.console import Console

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.journal.reading import Journal, read_journal
from bitrix24_effectiveness.language import Language, wrapped
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.page import LANGUAGES, Part, write_plan
from bitrix24_effectiveness.plan.reckoning import (
    Known,
    Plan,
    Power,
    break_even,
    goals_of,
    known_of_months,
    known_of_numbers,
    months_of,
    powers_of,
)
from bitrix24_effectiveness.project import Project

_NUMBERS = ("leads", "win_rate", "deal")
_WIDTH = 100


def plan(
    project: Project,
    log: Log,
    language: str,
    numbers: dict[str, float | None],
    cost: float | None,
    folder: Path | None,
    is_json: bool,
    page: Path | None = None,
) -> None:
    """Says what is known before a CRM is there, what it must bring, and how long that takes to see.

    Args:
        project: Whose vars, seeds and macros count.
        log: Says which cells of the journal cannot be read.
        language: `ru` or `en`.
        numbers: `leads` a month, `win_rate` in percent, average `deal`; what is None is taken from
            the journal, else asked for.
        cost: Of a year of the CRM, licence and set-up; None: not known.
        folder: Of the journal; None: there is none.
        is_json: Whether a program reads it.
        page: Where it is written as a page as well, in both languages; None: nowhere.

    Raises:
        ConfigurationError: a journal that cannot be read, numbers that make no sense, or another
            file in the place of the page.
    """
    known: dict[str, Known] = {}
    leads, unanswered = None, None
    if folder:
        journal = read_journal(folder, project.journal_tables)
        for problem in journal.problems:
            log.event("journal_cell", problem, "warning")
        months = months_of(journal, project, date.today())
        known = known_of_months(months, project.vars["min_comparison_months"])
        demand = [row[3] for row in months if row[0] == "conversion"]
        leads = sum(demand) / len(demand) if demand else None
        unanswered = _unanswered(journal)
    words = Language(language, "plan")
    found = {"leads": leads}
    for name, code in (("win_rate", "conversion"), ("deal", "average_deal_size")):
        found[name] = known[code].value if code in known else None
    given = {name: numbers[name] or found[name] for name in _NUMBERS}
    a, b, c = (given[name] or _ask(name, words) for name in _NUMBERS)
    _check(a, b, c)
    # what was written down has a spread, what was asked for has none
    for code, metric in known_of_numbers(a, b, c).items():
        is_given = numbers["win_rate" if code == "conversion" else "deal"] is not None
        if is_given or code not in known:
            known[code] = metric
    margin = project.vars.get("gross_margin_rate") or None
    rate = float(margin or 1)
    cycle = known["sales_cycle"].value if "sales_cycle" in known else None
    told = Plan(
        a,
        b,
        c,
        float(margin) if margin else None,
        known,
        unanswered,
        12 * a * 0.01 * c * rate,
        break_even(cost, a, b, c, rate, cycle) if cost else None,
        powers_of(known, goals_of(project, known), project),
        project.vars["comparison_months"],
    )
    if is_json:
        print(json.dumps(asdict(told), ensure_ascii=False))
        return
    catalog, currency = _catalog(project), project.vars.get("base_currency") or None
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    for line in _lines(_parts(told, catalog, words, currency)):
        console.print(wrapped(line, console.width), markup=False, soft_wrap=True)
    if page:
        pages = {
            code: (spoken.word("page_title"), _parts(told, catalog, spoken, currency))
            for code in LANGUAGES
            for spoken in [Language(code, "plan")]
        }
        write_plan(page, pages, language, project.marts_mode)
        console.print(f"\n{page}", markup=False, soft_wrap=True)


def _lines(parts: list[Part]) -> Iterator[str]:
    for number, part in enumerate(parts):
        if number:
            yield ""
        yield part.title
        yield from part.texts
        yield from (f"  - {item}" for item in part.items)
        yield from part.after


def _unanswered(journal: Journal) -> float | None:
    requests = journal.rows["journal_requests"]
    if not requests:
        return None
    return 100 * sum(row["answered_at"] is None for row in requests) / len(requests)


def _ask(name: str, words: Language) -> float:
    if not sys.stdin.isatty():
        option = name.replace("_", "-")
        raise ConfigurationError(
            f"{words.word(f'ask_{name}')}? Give --{option}, or a journal that tells"
        )
    answer: float = click.prompt(words.word(f"ask_{name}"), type=float, err=True)
    return answer


def _check(leads: float, win_rate: float, deal: float) -> None:
    if not (leads > 0 and 0 < win_rate < 100 and deal > 0):
        raise ConfigurationError(
            f"{leads:g} leads a month, of which {win_rate:g} % are won at {deal:g} each: all three "
            "must be above 0, and the share below 100"
        )


def _catalog(project: Project) -> list[dict[str, str]]:
    path = project.package_directory / "seeds/metric_catalog.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _parts(
    told: Plan, catalog: list[dict[str, str]], words: Language, currency: str | None
) -> list[Part]:
    units = {row["metric_code"]: row["unit"] for row in catalog}
    names = {row["metric_code"]: row[f"name_{words.code}"] for row in catalog}
    return [
        _what_is_known(told, names, units, words, currency),
        _what_is_not(told, names, words),
        *_what_it_is_worth(told, words, currency),
        _when_it_shows(told, names, words),
    ]


def _what_is_known(
    told: Plan,
    names: dict[str, str],
    units: dict[str, str],
    words: Language,
    currency: str | None,
) -> Part:
    items = []
    for code, metric in ((code, told.known[code]) for code in names if code in told.known):
        value = words.figure(metric.value, units[code], currency)
        source = words.word("of_journal", n=metric.months) if metric.months else ""
        items.append(f"{names[code]}: {value}{source}")
    if told.unanswered_pct is not None:
        share = words.figure(told.unanswered_pct, "percent", None)
        items.append(words.word("unanswered", share=share))
    return Part(words.word("known_title"), [], items)


def _what_is_not(told: Plan, names: dict[str, str], words: Language) -> Part:
    items = [
        f"{name}: {words.word(f'record_{code}')}"
        for code, name in names.items()
        if code not in told.known
    ]
    return Part(words.word("unknown_title"), [], items)


def _what_it_is_worth(told: Plan, words: Language, currency: str | None) -> Iterator[Part]:
    def money(value: float) -> str:
        return words.figure(value, "money", currency)

    texts = [
        words.word(
            "worth_point",
            leads=words.number(told.leads_a_month),
            rate=words.figure(told.win_rate_pct, "percent", None),
            deal=money(told.deal_size),
            worth=money(told.point_a_year),
        )
    ]
    if told.margin is None:
        texts.append(words.word("worth_is_revenue"))
    even = told.break_even
    if even is None:
        yield Part(words.word("worth_title"), [*texts, words.word("pays_unknown")])
        return
    yield Part(words.word("worth_title"), texts)
    items = [
        words.word("pays_conversion", n=words.signed(even.conversion_points, "percent", None)),
        words.word("pays_leads", n=words.number(even.leads_a_month)),
        words.word("pays_deal_size", money=money(even.deal_size)),
    ]
    if even.cycle_days is not None:
        days = words.figure(even.cycle_days, "days", None)
        items.append(words.word("pays_cycle", days=days))
    yield Part(words.word("pays_title", cost=money(even.cost)), [], items)


def _when_it_shows(told: Plan, names: dict[str, str], words: Language) -> Part:
    texts = []
    without = [names[code] for code in names if code in told.known and not _has(told, code)]
    if without:
        texts.append(words.word("power_unknown", metrics=", ".join(without)))
    return Part(
        words.word("power_title"),
        [],
        [_power(power, names, words, told.window) for power in told.powers],
        [*texts, words.word("next")],
    )


def _has(told: Plan, code: str) -> bool:
    return any(power.metric_code == code for power in told.powers)


def _power(power: Power, names: dict[str, str], words: Language, window: int) -> str:
    goal = words.word(
        "goal" if power.is_goal else "no_goal",
        name=names[power.metric_code],
        pct=words.figure(power.wanted_pct, "share", None),
    )
    smallest = words.word(
        "power_window", n=window, pct=words.figure(power.smallest_pct, "share", None)
    )
    if power.months is None or power.months_until_told is None:
        return f"{goal} {words.word('power_never')} {smallest}"
    least = words.word("power_least") if power.is_least else ""
    needed = words.word("power_months", n=power.months)
    until = words.word("power_until", n=power.months_until_told)
    return " ".join(part for part in (goal, needed, until, least, smallest) if part)
