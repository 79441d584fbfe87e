"""The summary on a terminal, read from the published marts and from nothing else.

It is read from the top: whose data it is, the verdict, what changed, what to do next; then the
figures, and how much of the data could be used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from bitrix24_effectiveness.demo.company import DEMO, GO_LIVE
from bitrix24_effectiveness.language import Language, wrapped
from bitrix24_effectiveness.log import Log, printable
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.verdict import (
    Verdict,
    codes_of,
    goal_in_words,
    print_verdict,
    read_verdict,
    say_verdict_as_json,
)
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of

_GRAINS = ("month", "quarter", "year")


@dataclass(frozen=True)
class _Summary:
    """All that is shown, read from the marts."""

    catalog: list[Row]
    windows: dict[tuple[str, str], Row]
    """Metric and `before` or `after` -> its row of `metric_windows`."""
    newest: dict[tuple[str, str], Row]
    """Metric and grain -> its newest complete period."""
    counts: Row
    reasons: list[tuple[str, str, int]]
    journal: list[Row]
    """Tables of the company's own journal, and what of them is used."""
    settings: Row
    told: Verdict
    places: list[tuple[str, str]]

    @property
    def has_comparison(self) -> bool:
        """Whether a metric has a value both before and after."""
        return any(
            row["before_value"] is not None and row["after_value"] is not None
            for row in self.told.scorecard
        )


def report(project: Project, language: str, log: Log, with_rejected: bool = False) -> None:
    """Prints the summary, in `ru` or `en`.

    Args:
        project: Where the published marts are.
        language: `ru` or `en`.
        log: Says it as JSON where it is asked for.
        with_rejected: Whether to list what could not be read, by table and reason.

    Raises:
        ConfigurationError: nothing is published, or it cannot be read.
    """
    warehouse = warehouse_of(project)
    with warehouse.published() as reader:
        summary = _read(reader, warehouse.published_places())
    if log.is_json:
        _say_as_json(summary, log)
        say_verdict_as_json(summary.told, log)
        return
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    words = Language(language, "report")
    _print_source(console, summary, words)
    print_verdict(console, summary.told, language)
    console.print()
    (_print_windows if summary.has_comparison else _print_periods)(console, summary, words)
    console.print()
    _print_quality(console, summary, words, with_rejected)
    for key, value in summary.places:
        console.print(words.word(key, path=value), soft_wrap=True, markup=False)


def _read(reader: Reader, places: list[tuple[str, str]]) -> _Summary:
    settings = (reader.table_if_there("run_settings") or [{}])[0]
    names = ("raw", "staged", "rejected", "superseded")
    (totals,) = reader.tuples(
        "select sum(raw_rows), sum(staged_rows), sum(rejected_rows), sum(superseded_rows) "
        "from raw_row_counts"
    )
    return _Summary(
        catalog=reader.rows("select * from metric_catalog"),
        windows={
            (row["metric_code"], row["window_name"]): row
            for row in reader.table_if_there("metric_windows") or []
        },
        newest={
            (row["metric_code"], row["period_grain"]): row
            for row in reader.rows(
                "select * from metric_values where segment_type = 'all' and is_complete "
                "order by period_start"
            )
        },
        counts=dict(zip(names, (int(total or 0) for total in totals), strict=True)),
        # sorted here: servers have their own order of texts
        reasons=sorted(
            reader.tuples(
                "select raw_table, reason, count(*) from rejected_rows group by raw_table, reason"
            )
        ),
        journal=sorted(
            reader.table_if_there("journal_rows") or [], key=lambda row: row["raw_table"]
        ),
        settings=settings,
        told=read_verdict(reader, settings),
        places=places,
    )


def _say_as_json(summary: _Summary, log: Log) -> None:
    counts = summary.counts
    log.event(
        "rows",
        f"{counts['raw']:,} raw rows",
        as_of=summary.settings.get("as_of_at"),
        data_source=summary.settings.get("data_source"),
        seeds_source=summary.settings.get("seeds_source"),
        **counts,
    )
    for row in summary.journal:
        log.event("journal_rows", f"{row['raw_table']}: {row['used_rows']:,} rows are used", **row)
    for table, reason, rows in summary.reasons:
        log.event("rejected", f"{table}: {reason}", raw_table=table, reason=reason, rows=rows)
    for metric in summary.catalog:
        code = metric["metric_code"]
        before, after = (summary.windows.get((code, name), {}) for name in ("before", "after"))
        month = summary.newest.get((code, "month"), {})
        log.event(
            "metric",
            metric["name_en"],
            metric_code=code,
            unit=metric["unit"],
            measure=after.get("measure"),
            before=before.get("value"),
            after=after.get("value"),
            last_month=month.get("period_start"),
            last_month_value=month.get("value"),
            last_month_status=month.get("value_status"),
        )


def _say(console: Console, text: str) -> None:
    console.print(wrapped(text, console.width), markup=False, soft_wrap=True)


# -- whose data


def _print_source(console: Console, summary: _Summary, words: Language) -> None:
    title, data, *others = whose_data(summary.settings, words)
    # a path stays in one line, to be copied
    console.print(f"\n{title}. {data}", style="bold", soft_wrap=True, markup=False)
    for text in others:
        console.print(text, soft_wrap=True, markup=False)
    for text in compared(summary.told.verdict or {}, summary.settings, words):
        _say(console, text)


def whose_data(settings: Row, words: Language) -> Iterator[str]:
    """A title with the day that the data reach to, then where they come from."""
    as_of = settings.get("as_of_at")
    title = words.word("title")
    if as_of:
        zone = settings["reporting_timezone"]
        local = as_of.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        title += words.word("as_of", day=words.day(local), time=f"{local:%H:%M}", zone=zone)
    yield title
    for key in ("data_source", "seeds_source"):
        source = settings.get(key)
        if source == DEMO:
            yield words.word(f"{key}_demo")
        else:
            known = key if source else f"{key}_unknown"
            yield words.word(known, source=printable(source or ""))


def compared(verdict: Row, settings: Row, words: Language) -> Iterator[str]:
    """When the CRM went live, whether a person said so, and what months are compared."""
    if not verdict.get("go_live_date"):
        yield words.word("go_live_unknown")
        return
    go_live = words.day(verdict["go_live_date"])
    if settings.get("data_source") == DEMO and str(verdict["go_live_date"]) == GO_LIVE:
        go_live = words.word("go_live_of_demo", go_live=go_live)
    if verdict.get("before_from") and verdict.get("after_from"):
        yield words.word(
            "compared",
            go_live=go_live,
            before=words.months(verdict["before_from"], verdict["before_last_month"]),
            after=words.months(verdict["after_from"], verdict["after_last_month"]),
        )
    else:
        yield words.word("nothing_to_compare", go_live=go_live)


# -- figures


def _print_windows(console: Console, summary: _Summary, words: Language) -> None:
    """Before and after as the scorecard compares them: the figures of the verdict."""
    currency = summary.settings.get("base_currency")
    table = Table()
    table.add_column(words.word("metric"), ratio=1)
    for key in ("before", "after", "change", "months_compared"):
        table.add_column(words.word(key), justify="right", no_wrap=True)
    is_preliminary = any(row.get("is_preliminary") for row in summary.told.scorecard)
    table.add_column(words.word("result_so_far" if is_preliminary else "result"), no_wrap=True)
    goals = [goal_in_words(row, currency, words) for row in summary.told.scorecard]
    if any(goals):
        table.add_column(words.word("goal_column"))
    for row, goal in zip(summary.told.scorecard, goals, strict=True):
        unit = row["unit"]
        months = [row["before_months"], row["after_months"]]
        shown = [words.whole(count) if count else "\N{EN DASH}" for count in months]
        table.add_row(
            summary.told.names[row["metric_code"]][words.code],
            *(
                "" if row[key] is None else words.figure(row[key], unit, currency)
                for key in ("before_value", "after_value")
            ),
            "" if row["change"] is None else words.signed(row["change"], unit, currency),
            shown[0] if shown[0] == shown[1] else " / ".join(shown),
            words.word(result_of(row)),
            *([goal] if any(goals) else []),
        )
    console.print(table)
    _say_where_more_is(console, summary, words)


def result_of(row: Row) -> str:
    """The status of a row of the scorecard; why there is none is for the verdict to say."""
    if row["status"] != "no_data":
        return str(row["status"])
    return "source_missing" if "source_missing" in codes_of(row["warning"]) else "not_comparable"


def _print_periods(console: Console, summary: _Summary, words: Language) -> None:
    """Without a comparison: the newest complete month, quarter and year of each metric."""
    starts = {
        grain: row["period_start"] for (_, grain), row in summary.newest.items() if grain in _GRAINS
    }
    if not starts:
        console.print(words.word("no_month"))
        return
    currency = summary.settings.get("base_currency")
    table = Table()
    table.add_column(words.word("metric"))
    shown = [grain for grain in _GRAINS if grain in starts]
    for grain in shown:
        table.add_column(words.period(grain, starts[grain]), justify="right")
    for metric in summary.catalog:
        cells = [metric[f"name_{words.code}"]]
        for grain in shown:
            row = summary.newest.get((metric["metric_code"], grain))
            if row is None or row["value"] is None:
                cells.append(words.word(row["value_status"] if row else "no_data"))
            else:
                figure = words.figure(row["value"], metric["unit"], currency)
                if row["value_status"] == "too_early":
                    figure += f" ({words.word('too_early')})"
                cells.append(figure)
        table.add_row(*cells)
    console.print(table)
    _say_where_more_is(console, summary, words)


def _say_where_more_is(console: Console, summary: _Summary, words: Language) -> None:
    months = [row["period_start"] for (_, grain), row in summary.newest.items() if grain == "month"]
    if months:
        _say(console, words.word("by_period", month=f"{max(months):%Y-%m}"))


# -- data


def _print_quality(
    console: Console, summary: _Summary, words: Language, with_rejected: bool
) -> None:
    rows = {name: words.whole(count) for name, count in summary.counts.items()}
    _say(console, words.word("rows", **rows))
    for row in summary.journal:
        text = words.word(
            "journal_rows",
            table=row["raw_table"],
            used=words.whole(row["used_rows"]),
            readable=words.whole(row["readable_rows"]),
            late=words.whole(row["rows_after_go_live"]),
            own=words.whole(row["rows_in_months_of_the_portal"]),
        )
        _say(console, text)
    if with_rejected and summary.reasons:
        table = Table(box=None, pad_edge=False)
        for key in ("rejected_table", "rejected_reason"):
            table.add_column(words.word(key))
        table.add_column(words.word("rejected_rows"), justify="right")
        for raw_table, reason, count in summary.reasons:
            table.add_row(raw_table, reason, words.whole(count))
        console.print(table)
    else:
        _say(console, words.word("rows_more"))
