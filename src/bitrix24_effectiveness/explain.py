"""How a figure came about: its formula, the rows behind it, before and after, who moved it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.log import Log, printable
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of

_SHOWN = 5


@dataclass(frozen=True)
class Cell:
    """A metric of a member of a segment type over some months; null when it cannot be said."""

    value: float | None
    numerator: float
    denominator: float


@dataclass(frozen=True)
class Part:
    """How much of a change came from one member."""

    name: str
    first: Cell
    second: Cell
    contribution: float


@dataclass(frozen=True)
class Span:
    """The periods of one grain that are taken together, and how to call them."""

    grain: str
    starts: list[date]

    @property
    def name(self) -> str:
        """`2026-10`, or `2025-11..2026-10` of several periods."""
        if len(self.starts) == 1:
            return period_name(self.grain, self.starts[0])
        first, last = self.starts[0], self.starts[-1]
        return f"{period_name(self.grain, first)}..{period_name(self.grain, last)}"


class Whole(NamedTuple):
    """A metric of the whole company over a span."""

    span: Span
    cell: Cell


def period_name(grain: str, start: date) -> str:
    """`2026`, `2026-Q3` or `2026-10`."""
    if grain == "year":
        return f"{start:%Y}"
    if grain == "quarter":
        return f"{start:%Y}-Q{(start.month + 2) // 3}"
    return f"{start:%Y-%m}"


def parse_period(text: str) -> tuple[str, date]:
    """The grain and first day of `2026`, `2026-Q3` or `2026-10`.

    Raises:
        ConfigurationError: the text is no period.
    """
    found = re.fullmatch(r"(\d{4})(?:-(?:[Qq]([1-4])|(0[1-9]|1[0-2])))?", text)
    if not found or int(found[1]) == 0:
        raise ConfigurationError(f"no period {text!r}: write 2026, 2026-Q3 or 2026-10")
    year, quarter, month = found.groups()
    if quarter:
        return "quarter", date(int(year), 3 * int(quarter) - 2, 1)
    return ("month", date(int(year), int(month), 1)) if month else ("year", date(int(year), 1, 1))


def contributions(
    first: Cell, second: Cell, members: dict[str, tuple[Cell, Cell]], scale: float
) -> list[Part]:
    """What each member added to the change of a ratio, the greatest first.

    A member adds what its numerator has more than the common ratio of the first span would give
    its denominator. Where numerators and denominators of the members add up to the whole, so do
    the contributions. Without denominators the values themselves are compared.

    Args:
        first: the whole in the first span.
        second: the whole in the second.
        members: name -> the same of each member.
        scale: 100 for percentages, else 1.
    """
    parts = []
    for name, (was, is_now) in members.items():
        if first.denominator and second.denominator:
            ratio = first.numerator / first.denominator
            contribution = scale * (
                (is_now.numerator - ratio * is_now.denominator) / second.denominator
                - (was.numerator - ratio * was.denominator) / first.denominator
            )
        else:
            contribution = is_now.numerator - was.numerator
        parts.append(Part(name, was, is_now, contribution))
    return sorted(parts, key=lambda part: (-abs(part.contribution), part.name))


def explain(
    project: Project, metric_code: str, period: str | None, language: str, log: Log
) -> None:
    """Prints how a metric's figure of a period came about, in `ru` or `en`.

    Args:
        project: where the published marts are.
        metric_code: such as `conversion`.
        period: `2026`, `2026-Q3` or `2026-10`; None: the newest complete month, and the change
            between the windows before and after the go-live.
        language: `ru` or `en`.
        log: says it as JSON where it is asked for.

    Raises:
        ConfigurationError: no such metric or period, or nothing is published.
    """
    with warehouse_of(project).published() as reader:
        told = _Explanation(reader, metric_code, period)
    if log.is_json:
        log.event("explanation", f"{metric_code} {told.span.name}", **told.as_fields())
        return
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    _print(console, told, language)


class _Explanation:
    """All that is said of a figure, read from the marts."""

    def __init__(self, reader: Reader, metric_code: str, period: str | None) -> None:
        self._reader = reader
        catalog = {row["metric_code"]: row for row in reader.rows("select * from metric_catalog")}
        if metric_code not in catalog:
            raise ConfigurationError(f"no metric {metric_code!r}: choose of {', '.join(catalog)}")
        self.metric = catalog[metric_code]
        self.scale = 100.0 if self.metric["headline_column"].endswith("_pct") else 1.0
        self.figure = self._figure(period)
        self.span = Span(self.figure["period_grain"], [self.figure["period_start"]])
        self.detail = reader.rows(
            f"select * from metric_{metric_code} where metric_key = ?",
            [self.figure["metric_key"]],
        )[0]
        settings = (reader.table_if_there("run_settings") or [{}])[0]
        self.base_currency = settings.get("base_currency") or ""
        self.rows_behind = [
            self._count(*behind)
            for behind in reader.tuples(
                "select table_name, date_column, condition from metric_rows "
                "where metric_code = ? order by metric_row_key",
                [metric_code],
            )
        ]
        scorecard = reader.table_if_there("crm_scorecard") or []
        self.scored = next((row for row in scorecard if row["metric_code"] == metric_code), None)
        self.compared = self._compared(period)
        self.parts = self._parts(*self.compared) if self.compared else {}

    def _figure(self, period: str | None) -> Row:
        code = self.metric["metric_code"]
        if period is None:
            found = self._reader.rows(
                "select * from metric_values where metric_code = ? and segment_type = 'all' "
                "and period_grain = 'month' and is_complete order by period_start desc limit 1",
                [code],
            )
            if not found:
                raise ConfigurationError("there is no complete month in the published marts yet")
            return found[0]
        grain, start = parse_period(period)
        found = self._reader.rows(
            "select * from metric_values where metric_code = ? and segment_type = 'all' "
            "and period_grain = ? order by period_start",
            [code, grain],
        )
        chosen = [row for row in found if row["period_start"] == start]
        if not chosen:
            has = Span(grain, [row["period_start"] for row in found]).name if found else "none"
            raise ConfigurationError(f"period {period} is not in the data: it has {has}")
        return chosen[0]

    def _count(self, table: str, column: str, condition: str) -> Row:
        start, end = self.figure["period_start"], self.figure["period_end"]
        ((count,),) = self._reader.tuples(
            f"select count(*) from {table} where {column} between ? and ? and {condition}",
            [start, end],
        )
        return {
            "table": table,
            "date": column,
            "condition": condition,
            "count": count,
            "start": start,
            "end": end,
        }

    def _compared(self, period: str | None) -> tuple[Whole, Whole] | None:
        known = {
            row["period_start"]
            for row in self._reader.rows(
                "select * from metric_values where metric_code = ? and segment_type = 'all' "
                "and period_grain = ?",
                [self.metric["metric_code"], self.span.grain],
            )
        }
        if period is not None:
            start = self.span.starts[0]
            earlier = start.replace(year=start.year - 1) if start.year > 1 else start
            if earlier not in known:
                return None
            return self._whole(Span(self.span.grain, [earlier])), self._whole(self.span)
        verdict = self._reader.table_if_there("crm_verdict")
        if not verdict or verdict[0]["before_from"] is None or verdict[0]["after_from"] is None:
            return None
        windows = [
            [
                start
                for start in sorted(known)
                if verdict[0][f"{window}_from"] <= start <= verdict[0][f"{window}_last_month"]
            ]
            for window in ("before", "after")
        ]
        # the scorecard compares the same months of the year, where there are any
        common = {start.month for start in windows[0]} & {start.month for start in windows[1]}
        is_seasonal = not self.scored or "different_seasons" not in (self.scored["warning"] or "")
        if common and is_seasonal:
            windows = [[start for start in window if start.month in common] for window in windows]
        if not all(windows):
            return None
        before, after = (self._whole(Span("month", window)) for window in windows)
        return before, after

    def _whole(self, span: Span) -> Whole:
        return Whole(span, self._cells("all", span)["all"])

    def _cells(self, segment_type: str, span: Span) -> dict[str, Cell]:
        """The metric of each member over a span: a ratio of sums, or a state at its end."""
        is_state = self.metric["basis"] == "end"
        starts = span.starts[-1:] if is_state else span.starts
        members: dict[tuple[str, str], list[tuple[float | None, float | None]]] = {}
        for name, key, *figures in self._reader.tuples(
            "select segment_name, segment_id, numerator, denominator from metric_values "
            "where metric_code = ? and segment_type = ? and period_grain = ? "
            f"and period_start in ({', '.join('?' for _ in starts)})",
            [self.metric["metric_code"], segment_type, span.grain, *starts],
        ):
            members.setdefault((name or "", key or ""), []).append(tuple(figures))
        cells = {}
        for (name, key), figures in sorted(members.items()):
            # exact sums: rows come in any order
            numerator, denominator = (
                math.fsum(figure[place] or 0 for figure in figures) for place in (0, 1)
            )
            value = None
            if self.metric["basis"] == "sum":
                value = None if all(figure[0] is None for figure in figures) else numerator
            elif denominator:
                value = numerator / denominator * self.scale
            name = "all" if segment_type == "all" else name or key
            if name in cells:
                name = f"{name} ({key})"
            cells[name] = Cell(value, numerator, denominator)
        return cells

    def _parts(self, first: Whole, second: Whole) -> dict[str, list[Part]]:
        nothing = Cell(None, 0.0, 0.0)
        found = {}
        for (segment_type,) in self._reader.tuples(
            "select distinct segment_type from metric_values "
            "where metric_code = ? and segment_type <> 'all' order by segment_type",
            [self.metric["metric_code"]],
        ):
            was, is_now = (self._cells(segment_type, whole.span) for whole in (first, second))
            members = {
                name: (was.get(name, nothing), is_now.get(name, nothing))
                for name in {**was, **is_now}
            }
            parts = contributions(first.cell, second.cell, members, self.scale)
            if any(part.contribution for part in parts):
                found[segment_type] = parts
        return found

    def as_fields(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "metric_code": self.metric["metric_code"],
            "period": self.span.name,
            "formula": self.metric["formula"],
            "with_numbers": filled_in(self.metric["formula"], self.detail, str),
            "value": self.figure["value"],
            "numerator": self.figure["numerator"],
            "denominator": self.figure["denominator"],
            "value_status": self.figure["value_status"],
            "rows": self.rows_behind,
            "scorecard": self.scored,
            "compared": [whole.span.name for whole in self.compared or ()],
            "contributions": {
                segment_type: {part.name: part.contribution for part in parts}
                for segment_type, parts in self.parts.items()
            },
        }


def filled_in(formula: str, values: Row, write: Callable[[Any], str]) -> str:
    """The formula with the value of each column in place of its name; `?` for null."""

    def value_of(found: re.Match[str]) -> str:
        name = found[0]
        if name not in values:
            return name
        return "?" if values[name] is None else write(values[name])

    return re.sub(r"[a-z_][a-z0-9_]*", value_of, formula)


def _print(console: Console, told: _Explanation, language: str) -> None:
    words = Language(language, "explain")
    word = words.word

    def say(key: str, text: str) -> None:
        console.print(f"{word(key)}: {text}", markup=False)

    def figure(value: float | None) -> str:
        if value is None:
            return "?"
        return words.whole(value) if value == int(value) else words.number(value)

    def signed(value: float | None) -> str:
        return words.number(value, is_signed=True)

    metric = told.metric
    unit = {"percent": " %", "money": f" {told.base_currency}".rstrip()}.get(metric["unit"], "")
    name = metric[f"name_{language}"]
    console.print(f"{name} ({metric['metric_code']}), {told.span.name}", style="bold", markup=False)
    say("formula", metric["formula"])
    value = told.figure["value"]
    with_numbers = filled_in(metric["formula"], told.detail, figure)
    say("value", f"{with_numbers} = {figure(value)}{unit if value is not None else ''}")
    for key in ("numerator", "denominator"):
        if told.figure[key] is not None:
            say(key, figure(told.figure[key]))
    if not told.rows_behind:
        say("rows", word("register"))
    for behind in told.rows_behind:
        say("rows", word("rows_of", **behind | {"count": words.whole(behind["count"])}))
    say("status", told.figure["value_status"])
    scored = told.scored
    if scored and scored["status"] == "no_data":
        say("before_after", word("not_scored", status=scored["warning"] or "no_data"))
    elif scored:
        text = word(
            "scored",
            before=figure(scored["before_value"]),
            after=figure(scored["after_value"]),
            change=signed(scored["change"]),
            low=signed(scored["change_ci_low"]),
            high=signed(scored["change_ci_high"]),
            status=scored["status"],
            before_n=words.whole(scored["before_n"]),
            after_n=words.whole(scored["after_n"]),
        )
        say("before_after", f"{text}. {word('alike')}")
    if not told.compared:
        console.print(word("nothing_to_compare"))
        return
    (first_span, first), (second_span, second) = told.compared
    for segment_type, parts in told.parts.items():
        console.print()
        console.print(
            word(
                "moved",
                segment_type=segment_type,
                first=first_span.name,
                second=second_span.name,
                before=figure(first.value),
                after=figure(second.value),
            ),
            markup=False,
        )
        table = Table(box=None, pad_edge=False)
        table.add_column(word("member"))
        for key in ("first", "second", "part"):
            table.add_column(word(key), justify="right")
        for part in parts[:_SHOWN]:
            table.add_row(
                escape(printable(part.name)),
                figure(part.first.value),
                figure(part.second.value),
                signed(part.contribution),
            )
        rest = sum(part.contribution for part in parts[_SHOWN:])
        if parts[_SHOWN:]:
            table.add_row(word("rest"), "", "", signed(rest))
        if first.value is not None and second.value is not None:
            change = second.value - first.value
            missing = change - sum(part.contribution for part in parts)
            if abs(missing) > 1e-6 * max(1, abs(change)):
                table.add_row(word("mix"), "", "", signed(missing))
            table.add_row(word("total"), "", "", signed(change))
        console.print(table)
