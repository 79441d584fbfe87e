"""The ten metrics on a terminal, read from the published marts and from nothing else."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.table import Table

from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.verdict import print_verdict, read_verdict, say_verdict_as_json
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of

_MONTHS = 12


@dataclass(frozen=True)
class Month:
    """A month of a metric for the whole company."""

    start: date
    end: date
    is_complete: bool
    value: float | None
    numerator: float | None
    denominator: float | None
    status: str


@dataclass(frozen=True)
class Metric:
    """A metric's names and unit, and its months in order.

    `basis` says how several months become one figure. A ratio of sums is the metric of the whole
    span; `monthly` is about what stays or leaves in a month; `end` is a state at the end, since
    lifetime value looks back twelve months by itself and the register of processes has no flow.
    """

    code: str
    names: dict[str, str]
    unit: str
    is_percent: bool
    basis: str
    months: list[Month]

    def over(self, months: list[Month]) -> tuple[float | None, str]:
        """The value over these months, and its status; the value is null unless `measured`."""
        measured = [month.value for month in months if month.value is not None]
        if not months or not measured:
            statuses = {month.status for month in months}
            return None, statuses.pop() if len(statuses) == 1 else "no_data"
        if self.basis == "end":
            return months[-1].value, months[-1].status
        if self.basis == "sum":
            return sum(measured), "measured"
        # a month without a denominator can still have something in its numerator
        numerator = sum(month.numerator or 0 for month in months)
        denominator = sum(month.denominator or 0 for month in months)
        return numerator / denominator * (100 if self.is_percent else 1), "measured"


def report(project: Project, language: str, log: Log) -> None:
    """Prints the summary, in `ru` or `en`.

    Raises:
        ConfigurationError: nothing is published, or it cannot be read.
    """
    with warehouse_of(project).published() as reader:
        metrics = _metrics(reader)
        counts, reasons = _row_counts(reader)
        found = reader.table_if_there("run_settings")
        settings = found[0] if found else {}
        told = read_verdict(reader, settings.get("base_currency") or "")

    go_live = date.fromisoformat(str(project.vars["crm_go_live_date"]))
    if told.verdict is not None:
        # what the marts were built with; the var may have been changed since
        go_live = told.verdict["go_live_date"]
    if log.is_json:
        _say_as_json(metrics, counts, reasons, settings, go_live, log)
        say_verdict_as_json(told, log)
        return
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    words = Language(language, "report")
    _print(console, _Summary(metrics, counts, reasons, settings, go_live, project, words))
    print_verdict(console, told, language)


def _metrics(reader: Reader) -> list[Metric]:
    months: dict[str, list[Month]] = {}
    for code, *fields in reader.tuples(
        "select metric_code, period_start, period_end, is_complete, value, numerator, "
        "denominator, value_status from metric_values "
        "where period_grain = 'month' and segment_type = 'all' order by metric_code, period_start"
    ):
        months.setdefault(code, []).append(Month(*fields))
    return [
        Metric(
            code, {"en": en, "ru": ru}, unit, headline.endswith("_pct"), basis, months.get(code, [])
        )
        for code, en, ru, unit, headline, basis in reader.tuples(
            "select metric_code, name_en, name_ru, unit, headline_column, basis from metric_catalog"
        )
    ]


def _row_counts(reader: Reader) -> tuple[Row, list[tuple[str, str, int]]]:
    names = ("raw", "staged", "rejected", "superseded")
    (totals,) = reader.tuples(
        "select sum(raw_rows), sum(staged_rows), sum(rejected_rows), sum(superseded_rows) "
        "from raw_row_counts"
    )
    # sorted here: servers have their own order of texts
    reasons = sorted(
        reader.tuples(
            "select raw_table, reason, count(*) from rejected_rows group by raw_table, reason"
        )
    )
    return dict(zip(names, (int(total or 0) for total in totals), strict=True)), reasons


@dataclass(frozen=True)
class Windows:
    """The months that a metric is shown for; without a go-live in the data there is no before."""

    before: list[Month]
    after: list[Month]
    last: Month | None
    has_go_live: bool


def windows(months: list[Month], go_live: date) -> Windows:
    """Up to twelve complete months before the go-live, and the last twelve after it."""
    complete = [month for month in months if month.is_complete]
    before = [month for month in complete if month.end < go_live][-_MONTHS:]
    after = [month for month in complete if month.start >= go_live][-_MONTHS:]
    last = complete[-1] if complete else None
    if before and after:
        return Windows(before, after, last, True)
    return Windows([], complete[-_MONTHS:], last, False)


def _say_as_json(
    metrics: list[Metric],
    counts: Row,
    reasons: list[tuple[str, str, int]],
    settings: Row,
    go_live: date,
    log: Log,
) -> None:
    log.event("rows", f"{counts['raw']:,} raw rows", as_of=settings.get("as_of_at"), **counts)
    for table, reason, rows in reasons:
        log.event("rejected", f"{table}: {reason}", raw_table=table, reason=reason, rows=rows)
    for metric in metrics:
        spans = windows(metric.months, go_live)
        before, before_status = metric.over(spans.before)
        after, after_status = metric.over(spans.after)
        log.event(
            "metric",
            metric.names["en"],
            metric_code=metric.code,
            unit=metric.unit,
            before=before,
            before_status=before_status,
            after=after,
            after_status=after_status,
            last_month=spans.last and spans.last.start,
            last_month_value=spans.last and spans.last.value,
            last_month_status=spans.last and spans.last.status,
        )


@dataclass(frozen=True)
class _Summary:
    metrics: list[Metric]
    counts: Row
    reasons: list[tuple[str, str, int]]
    settings: Row
    go_live: date
    project: Project
    language: Language

    def unit(self, metric: Metric) -> str:
        if metric.unit == "money" and self.settings.get("base_currency"):
            return self.settings["base_currency"]
        return self.language.word(metric.unit)

    def cell(self, value: float | None, status: str) -> str:
        return self.language.word(status) if value is None else self.language.number(value)


def _print(console: Console, summary: _Summary) -> None:
    word = summary.language.word
    as_of = summary.settings.get("as_of_at")
    as_of = f" ({word('as_of')} {as_of:%Y-%m-%d %H:%M} UTC)" if as_of else ""
    console.print(f"\n[bold]{word('title')}[/bold]{as_of}")
    rows = {name: summary.language.whole(count) for name, count in summary.counts.items()}
    console.print(word("rows", **rows))
    if summary.reasons:
        table = Table(box=None, pad_edge=False)
        table.add_column(word("rejected_table"))
        table.add_column(word("rejected_reason"))
        table.add_column(word("rejected_rows"), justify="right")
        for raw_table, reason, count in summary.reasons:
            table.add_row(raw_table, reason, summary.language.whole(count))
        console.print(table)
    console.print()
    _print_metrics(console, summary)
    console.print()
    for key, value in warehouse_of(summary.project).published_places():
        console.print(word(key, path=value), soft_wrap=True, markup=False)


def _print_metrics(console: Console, summary: _Summary) -> None:
    word = summary.language.word
    spans = [windows(metric.months, summary.go_live) for metric in summary.metrics]
    longest = max(spans, key=lambda span: len(span.after), default=None)
    if longest is None or longest.last is None:
        console.print(word("no_month"))
        return
    table = Table()
    table.add_column(word("metric"))
    table.add_column(word("unit"))
    if longest.has_go_live:
        table.add_column(word("before", months=_span(summary, longest.before)), justify="right")
    kind = "after" if longest.has_go_live else "recent"
    table.add_column(word(kind, months=_span(summary, longest.after)), justify="right")
    table.add_column(word("basis"))
    table.add_column(word("month", month=f"{longest.last.start:%Y-%m}"), justify="right")
    table.add_column(word("status"))
    for metric, span in zip(summary.metrics, spans, strict=True):
        cells = [metric.names[summary.language.code], summary.unit(metric)]
        if longest.has_go_live:
            cells.append(summary.cell(*metric.over(span.before)))
        cells += [summary.cell(*metric.over(span.after)), word(metric.basis)]
        if span.last is None:
            cells += ["", word("no_data")]
        else:
            status = span.last.status
            cells += [summary.cell(span.last.value, status), word(status)]
        table.add_row(*cells)
    console.print(table)
    note = "go_live" if longest.has_go_live else "no_go_live"
    console.print(word(note, date=summary.go_live))


def _span(summary: _Summary, months: list[Month]) -> str:
    first, last = months[0].start, months[-1].start
    return f"{summary.language.word('months', n=len(months))}\n{first:%Y-%m}..{last:%Y-%m}"
