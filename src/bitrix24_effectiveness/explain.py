"""How a figure came about: its formula, the rows behind it, before and after, who moved it.

Before and after are those of `metric_windows` and `crm_scorecard`: nothing is compared anew here.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.language import Language, wrapped
from bitrix24_effectiveness.log import Log, printable
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.verdict import change_in_words, why_not
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of

_SHOWN = 5
_YEAR = 12
# what the ids of these members mean is the same in every portal
_OWN_MEMBERS = (
    "cost_type",
    "request_channel",
    "client_type",
    "client_history",
    "process_category",
)


@dataclass(frozen=True)
class Span:
    """Periods of one grain that are taken together, from the first to the last."""

    grain: str
    first: date
    last: date

    @property
    def name(self) -> str:
        """`2026-10`, or `2025-11..2026-10` of several periods."""
        names = [period_name(self.grain, day) for day in (self.first, self.last)]
        return names[0] if self.first == self.last else "..".join(names)


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
        told = Explanation(reader, metric_code, period)
    if log.is_json:
        log.event("explanation", f"{metric_code} {told.span.name}", **told.as_fields())
        return
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    _Printer(console, told, language).print()


class Explanation:
    """All that is said of a figure, read from the marts."""

    def __init__(
        self, reader: Reader, metric_code: str, period: str | None, with_rows: bool = True
    ) -> None:
        """Reads it.

        Args:
            reader: of the published marts.
            metric_code: such as `conversion`.
            period: `2026`, `2026-Q3` or `2026-10`; None: the newest complete month.
            with_rows: whether to count the rows behind the numbers of the formula.

        Raises:
            ConfigurationError: no such metric or period.
        """
        self._reader = reader
        catalog = {row["metric_code"]: row for row in reader.rows("select * from metric_catalog")}
        if metric_code not in catalog:
            raise ConfigurationError(f"no metric {metric_code!r}: choose of {', '.join(catalog)}")
        self.metric = catalog[metric_code]
        self.figure = self._figure(period)
        self.span = _span(self.figure["period_grain"], self.figure["period_start"])
        self.detail = reader.rows(
            f"select * from metric_{metric_code} where metric_key = ?",
            [self.figure["metric_key"]],
        )[0]
        self.settings = (reader.table_if_there("run_settings") or [{}])[0]
        self.rows_behind = [
            self._behind(row)
            for row in reader.rows(
                "select * from metric_rows where metric_code = ? order by metric_row_key",
                [metric_code],
            )
            if with_rows
        ]
        scorecard = reader.table_if_there("crm_scorecard") or []
        self.scored = next((row for row in scorecard if row["metric_code"] == metric_code), None)
        windows = reader.table_if_there("metric_windows") or []
        self.windows = {
            row["window_name"]: row for row in windows if row["metric_code"] == metric_code
        }
        self.period = period
        self.parts = self._parts()
        self.company = self.parts.pop("all", [None])[0]

    @property
    def is_same_measure(self) -> bool:
        """Whether what is compared before and after is the metric's headline."""
        measures = {window["measure"] for window in self.windows.values()}
        return measures == {self.metric["headline_column"]}

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
            starts = [row["period_start"] for row in found]
            has = Span(grain, starts[0], starts[-1]).name if found else "none"
            raise ConfigurationError(f"period {period} is not in the data: it has {has}")
        return chosen[0]

    def _behind(self, row: Row) -> Row:
        """A question for the rows behind a number of the formula, and what it gives."""
        start, end = self.figure["period_start"], self.figure["period_end"]
        inactivity = self.settings.get("client_inactivity_days") or 0
        first, last = window_of(row["period"], start, end, inactivity)
        opening = window_of("opening", start, end, inactivity)
        column = row["date_column"]
        conditions = [
            *([f"{column} >= date '{first}'"] if first else []),
            *([f"{column} <= date '{last}'"] if last else []),
            *([row["condition"]] if row["condition"] != "true" else []),
        ]
        query = f"select {row['measured']} from {row['table_name']}"
        if conditions:
            query += f" where {' and '.join(conditions)}"
        days = {"opening": opening[0], "eve": opening[1], "end": end}
        for name, day in days.items():
            query = query.replace(f"{{{name}}}", f"date '{day}'")
        ((found,),) = self._reader.tuples(query)
        return {"gives": row["gives"], "value": found or 0, "query": query}

    # -- who moved it

    def _parts(self) -> dict[str, list[Row]]:
        """Segment type -> its rows of `metric_contributions`, the greatest first."""
        parts: dict[str, list[Row]] = {}
        for row in self._reader.rows(
            "select * from metric_contributions where metric_code = ? and comparison = ? "
            "and (period_grain = ? and second_to = ? or comparison = 'before_after') "
            "order by segment_type, abs(contribution) desc, segment_id",
            [
                self.metric["metric_code"],
                "year_over_year" if self.period else "before_after",
                self.span.grain,
                self.span.last,
            ],
        ):
            parts.setdefault(row["segment_type"], []).append(row)
        return {name: rows for name, rows in parts.items() if name == "all" or _has_moved(rows)}

    @property
    def compared(self) -> list[Span]:
        """The two spans whose change is explained; empty where there is nothing to compare."""
        row = self.company
        return [
            Span(row["period_grain"], row[f"{side}_from"], row[f"{side}_to"])
            for side in ("first", "second")
            if row
        ]

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
            "windows": self.windows,
            "scorecard": self.scored,
            "compared": [span.name for span in self.compared],
            "contributions": {
                segment_type: {
                    name: part["contribution"] for name, part in _named(segment_type, parts)
                }
                for segment_type, parts in self.parts.items()
            },
        }


def window_of(
    period: str, start: date, end: date, inactivity_days: int
) -> tuple[date | None, date | None]:
    """First and last day of the rows behind a figure, as `metric_rows` names them; None: no limit.

    Args:
        period: What `metric_rows` says.
        start: First day of the figure's period.
        end: Its last day.
        inactivity_days: After so many days without a purchase a client is lost.
    """
    inactivity, next_day = timedelta(days=inactivity_days), end + timedelta(days=1)
    return {
        "period": (start, end),
        "opening": (start - inactivity, start - timedelta(days=1)),
        "closing": (next_day - inactivity, end),
        "opening_and_period": (start - inactivity, end),
        "year": (months_later(next_day, -_YEAR), end),
        "so_far": (None, end),
        "end": (None, None),
    }[period]


def filled_in(formula: str, values: Row, write: Callable[[Any], str]) -> str:
    """The formula with the value of each column in place of its name; `?` for null."""

    def value_of(found: re.Match[str]) -> str:
        name = found[0]
        if name not in values:
            return name
        return "?" if values[name] is None else write(values[name])

    return re.sub(r"[a-z_][a-z0-9_]*", value_of, formula)


def _span(grain: str, start: date) -> Span:
    return Span(grain, start, start)


def _has_moved(parts: list[Row]) -> bool:
    return any(part["contribution"] for part in parts)


def _named(segment_type: str, parts: list[Row]) -> list[tuple[str, Row]]:
    """Each member with its name; of two with one name the second has its id as well."""
    named: dict[str, Row] = {}
    for part in parts:
        key = part["segment_id"]
        name = key if key == "unknown" or segment_type in _OWN_MEMBERS else part["segment_name"]
        named[f"{name} ({key})" if name in named else name or key] = part
    return list(named.items())


def months_later(month: date, months: int) -> date:
    """First day of the month so many months after the one of a first day."""
    year, place = divmod(month.year * 12 + month.month - 1 + months, 12)
    return date(year, place + 1, 1)


class ExplanationInWords:
    """The parts of an explanation that the terminal and the page share."""

    def __init__(self, told: Explanation, code: str) -> None:
        """Takes what was read, and `ru` or `en`."""
        self._told = told
        self._language = Language(code, "explain", "verdict")
        self._word = self._language.word
        self._unit = told.metric["unit"]
        self._currency = told.settings.get("base_currency")

    def _figure(self, value: float | None) -> str:
        return self._language.figure(value, self._unit, self._currency)

    def _signed(self, value: float | None) -> str:
        return self._language.signed(value, self._unit, self._currency)

    def _exact(self, value: float | Decimal) -> str:
        """With so many digits that what is printed can be computed again."""
        number = Decimal(str(value))
        if number == int(number):
            return self._language.whole(int(number))
        places = max(2, 6 - number.adjusted())
        return format_decimal(number, "#,##0." + "#" * places, self._language.code)

    def _name(self, span: Span) -> str:
        if span.first == span.last:
            return self._language.period(span.grain, span.first)
        return self._language.months(span.first, span.last)

    @property
    def period(self) -> str:
        """The period of the figure, as a person writes it."""
        return self._name(self._told.span)

    @property
    def value(self) -> str:
        """The figure, or why there is none."""
        value = self._told.figure["value"]
        if value is None:
            return self._word(self._told.figure["value_status"])
        return self._figure(value)

    def formula(self) -> str:
        """By the names of its columns."""
        return self._told.metric["formula"].replace(" x ", " × ")

    def with_numbers(self) -> str:
        """The formula with this portal's numbers filled in."""
        value = self._told.figure["value"]
        result = "" if value is None else f" = {self._exact(value)}"
        return filled_in(self.formula(), self._told.detail, self._exact) + result

    def windows(self) -> Iterator[str]:
        """What was divided by what before and after, and the same months by the formula above."""
        told = self._told
        for name in ("before", "after"):
            window = told.windows.get(name)
            if window and window["numerator"] is not None and window["denominator"] is not None:
                yield self._word(
                    f"window_{name}",
                    n=window["months"],
                    months=self._language.months(window["first_month"], window["last_month"]),
                    numerator=self._exact(window["numerator"]),
                    denominator=self._exact(window["denominator"]),
                    percent=" × 100" if self._unit == "percent" else "",
                    value=self._exact(window["value"]),
                )
        articles = [told.windows.get(name, {}).get("article_value") for name in ("before", "after")]
        if not told.is_same_measure and None not in articles:
            was, is_now = map(self._figure, articles)
            yield self._word("by_article", before=was, after=is_now)

    def caution(self) -> Iterator[str]:
        """Where the change may be chance: that its parts may be as well."""
        told = self._told
        status = (told.scored or {}).get("status")
        if told.period is None and told.company and status == "not_distinguishable":
            yield self._word("parts_may_be_chance")

    def moved(self) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
        """Segment type, what is said above its table, and a row per member that moved it."""
        told = self._told
        if not told.company:
            return
        first, second = map(self._name, told.compared)
        before, after = (told.company[f"{side}_value"] for side in ("first", "second"))
        for segment_type, parts in told.parts.items():
            title = self._word(
                "moved" if self._is_published(before, after) else "moved_by_article",
                segment_type=self._by(segment_type),
                first=first,
                second=second,
                before=self._figure(before),
                after=self._figure(after),
            )
            yield segment_type, title, list(self._rows(segment_type, parts, after - before))

    def _by(self, segment_type: str) -> str:
        # a segment type that somebody added has no words yet
        key = f"by_{segment_type}"
        if self._language.has(key):
            return self._word(key)
        return self._word("by_own_field", name=segment_type)

    def _is_published(self, *compared: float) -> bool:
        """Whether the whole is what the heading above it shows, and not another measure."""
        told = self._told
        if told.period is not None:
            return True
        published = [told.windows[name]["value"] for name in ("before", "after")]
        return all(
            math.isclose(value, shown or 0, rel_tol=1e-9)
            for value, shown in zip(compared, published, strict=True)
        )

    def _rows(
        self, segment_type: str, parts: list[Row], change: float
    ) -> Iterator[tuple[str, ...]]:
        for name, part in _named(segment_type, parts)[:_SHOWN]:
            is_own = name == "unknown" or segment_type in _OWN_MEMBERS
            yield (
                self._word(f"member_{name}") if is_own else printable(name),
                *(
                    self._word("none") if value is None else self._figure(value)
                    for value in (part["first_value"], part["second_value"])
                ),
                self._signed(part["contribution"]),
            )
        rest = sum(part["contribution"] for part in parts[_SHOWN:])
        if parts[_SHOWN:]:
            yield self._word("rest"), "", "", self._signed(rest)
        missing = change - sum(part["contribution"] for part in parts)
        if abs(missing) > 1e-6 * max(1, abs(change)):
            yield self._word("mix"), "", "", self._signed(missing)
        yield self._word("total"), "", "", self._signed(change)


class _Printer(ExplanationInWords):
    def __init__(self, console: Console, told: Explanation, code: str) -> None:
        super().__init__(told, code)
        self._console = console

    def print(self) -> None:
        self._print_figure()
        self._print_comparison()
        self._print_parts()

    def _say(self, text: str = "", style: str | None = None) -> None:
        text = wrapped(text, self._console.width)
        self._console.print(text, style=style, markup=False, soft_wrap=True)

    def _print_figure(self) -> None:
        told, metric = self._told, self._told.metric
        name = metric[f"name_{self._language.code}"]
        title = f"{name} ({metric['metric_code']}), {self.period}: {self.value}"
        self._say(title, style="bold")
        if told.figure["value"] is None:
            self._say(self._word("no_figure", status=self.value))
        self._say(f"{self._word('formula')}: {self.formula()}")
        self._say(f"  {self.with_numbers()}")
        if told.rows_behind:
            self._say(self._word("rows"))
        for behind in told.rows_behind:
            # to be copied as one line
            text = f"  {behind['gives']} = {self._exact(behind['value'])}: {behind['query']}"
            self._console.print(text, markup=False, soft_wrap=True)

    def _print_comparison(self) -> None:
        told, scored = self._told, self._told.scored
        if scored is None:
            return
        self._say()
        code = self._language.code
        measure = told.windows.get("after", {}).get(f"measure_name_{code}")
        same = told.is_same_measure or not measure
        self._say(self._word("before_after", measure="" if same else f": {measure}"), style="bold")
        if scored["status"] in ("no_data", "not_comparable"):
            self._say(f"  {self._word('not_scored')}: {why_not(scored, self._language)}")
            return
        self._say(f"  {change_in_words(scored, self._currency, self._language)}")
        self._say(f"  {self._word('result')}: {self._word(scored['status'])}")
        for text in self.windows():
            self._say(f"  {text}")

    def _print_parts(self) -> None:
        self._say()
        told = self._told
        if not told.company:
            # why it is not compared was said
            if told.period or not told.scored or told.scored["before_value"] is None:
                self._say(self._word("nothing_to_compare"))
            return
        for text in self.caution():
            self._say(text)
        for segment_type, title, rows in self.moved():
            self._say(title)
            table = Table(box=None, pad_edge=False)
            table.add_column(self._word(segment_type))
            for key in ("first", "second", "part"):
                table.add_column(self._word(key), justify="right")
            for row in rows:
                table.add_row(*map(escape, row))
            self._console.print(table)
