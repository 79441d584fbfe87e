"""`crm-effect status`: whether runs that nobody watches still go well.

The age is that of what is published. The runs are read from the warehouse; while another process
has its file open, those that were published are shown.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bitrix24_effectiveness.errors import AnotherRunError, TooOldError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.language import Language, wrapped
from bitrix24_effectiveness.log import Log, printable
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of
from bitrix24_effectiveness.warehouse.kept import RUN_HISTORY

_RUNS = 10
_HOUR = 3600.0


@dataclass
class _Status:
    published_at: datetime | None
    now: datetime
    unchanged_at: datetime | None = None
    """When a run last found that what is published is what it would publish."""
    settings: Row = field(default_factory=dict)
    scorecard: list[Row] = field(default_factory=list)
    names: dict[str, Row] = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)
    """The last runs, the newest first."""
    is_in_use: bool = False

    @property
    def age_hours(self) -> float | None:
        """Hours since what is published was last known to be right; None: nothing is."""
        if self.published_at is None:
            return None
        good_at = max(filter(None, (self.published_at, self.unchanged_at)))
        return (self.now - good_at).total_seconds() / _HOUR


def status(project: Project, language: str, log: Log, max_age: float | None = None) -> None:
    """Shows the age of what is published, the last runs and when what can be told.

    Args:
        project: Where the warehouse and the published marts are.
        language: `ru` or `en`.
        log: Says it as JSON where it is asked for.
        max_age: Hours.

    Raises:
        ConfigurationError: a file or the server cannot be read.
        TooOldError: what is published is older than `max_age`, or nothing is.
    """
    found = _read(project)
    if log.is_json:
        _say_as_json(found, log)
    else:
        _print(found, Language(language, "status"))
    age = found.age_hours
    if max_age is not None and age is None:
        raise TooOldError("nothing is published")
    if max_age is not None and age is not None and age > max_age:
        raise TooOldError(
            f"the last good publication is {age:.1f} hours old: more than --max-age {max_age:g}"
        )


# -- reading


def _read(project: Project) -> _Status:
    warehouse = warehouse_of(project)
    found = _Status(warehouse.publication(), datetime.now(UTC))
    phases: list[Row] = []
    quality: dict[str, Row] = {}
    if found.published_at is not None:
        with warehouse.published() as reader:
            found.settings = (reader.table_if_there("run_settings") or [{}])[0]
            found.names = {
                row["metric_code"]: row for row in reader.table_if_there("metric_catalog") or []
            }
            found.scorecard = sorted(
                reader.table_if_there("crm_scorecard") or [],
                key=lambda row: list(found.names).index(row["metric_code"]),
            )
            phases = reader.table_if_there(RUN_HISTORY) or []
    try:
        with warehouse.beside() as beside:
            if beside is not None:
                phases = _phases(beside, project) or phases
                quality = _quality(beside, project)
    except AnotherRunError:
        found.is_in_use = True
    runs = _runs(phases, quality)
    # what did not change before a rollback was another publication
    since = itertools.takewhile(lambda run: run["result"] != "rolled_back", runs)
    unchanged = [run["started_at"] for run in since if run["result"] == "unchanged"]
    if unchanged and found.published_at and unchanged[0] > found.published_at:
        found.unchanged_at = unchanged[0]
    found.runs = runs[:_RUNS]
    return found


def _phases(reader: Reader, project: Project) -> list[Row]:
    schema = project.schema("quality")
    if (schema, RUN_HISTORY) not in reader.tables_of(schema):
        return []
    return reader.rows(f"select * from {quote(schema)}.{RUN_HISTORY}")


def _quality(reader: Reader, project: Project) -> dict[str, Row]:
    schema = project.schema("quality")
    if (schema, "data_quality_results") not in reader.tables_of(schema):
        return {}
    rows = reader.rows(
        "select run_id, count(*) as checks, "
        "sum(case when not passed and severity = 'critical' then 1 else 0 end) as critical, "
        "sum(case when not passed and severity <> 'critical' then 1 else 0 end) as warnings "
        f"from {quote(schema)}.data_quality_results group by run_id"
    )
    return {row["run_id"]: row for row in rows}


def _runs(phases: list[Row], quality: dict[str, Row]) -> list[Row]:
    """One row per run, the newest first."""
    by_run: dict[str, list[Row]] = {}
    for phase in sorted(phases, key=lambda row: (row["run_id"], row["started_at"])):
        by_run.setdefault(phase["run_id"], []).append(phase)
    return [_run(by_run[key], quality.get(key, {})) for key in sorted(by_run, reverse=True)]


def _run(phases: list[Row], checks: Row) -> Row:
    last = phases[-1]
    result = last["status"]
    if result == "ok":
        result = {"publish": "published", "rollback": "rolled_back"}.get(last["phase"], "done")
    return {
        "run_id": last["run_id"],
        "command": last["command"],
        "started_at": phases[0]["started_at"].replace(tzinfo=UTC),
        "seconds": round(sum(phase["seconds"] for phase in phases), 1),
        "result": result,
        "phase": last["phase"],
        # of a load those that the portal gave, and they are read again by the build
        "rows_read": _last(phases, "rows_read"),
        "rows_rejected": _last(phases, "rows_rejected"),
        "checks": _count(checks, "checks"),
        "checks_failed_critical": _count(checks, "critical"),
        "checks_failed_warning": _count(checks, "warnings"),
        "version": last["version"],
        "as_of": _last(phases, "as_of"),
        "message": last["message"],
    }


def _last(phases: list[Row], column: str) -> Any:
    return next((row[column] for row in reversed(phases) if row[column] is not None), None)


def _count(checks: Row, name: str) -> int | None:
    return None if checks.get(name) is None else int(checks[name])


# -- showing


def _say_as_json(found: _Status, log: Log) -> None:
    age = found.age_hours
    log.event(
        "status",
        "nothing is published" if age is None else f"published {age:.1f} hours ago",
        published_at=found.published_at and found.published_at.isoformat(),
        unchanged_at=found.unchanged_at and found.unchanged_at.isoformat(),
        age_hours=None if age is None else round(age, 2),
        as_of=found.settings.get("as_of_at"),
        warehouse_in_use=found.is_in_use,
    )
    for run in found.runs:
        log.event(
            "past_run",
            f"{run['command']}: {run['result']}",
            **{"failure" if key == "message" else key: value for key, value in run.items()},
        )
    for row in found.scorecard:
        log.event(
            "can_tell",
            row["name_en"],
            metric_code=row["metric_code"],
            is_able_to_tell=row["is_able_to_tell"],
            months_to_tell=row["months_to_tell"],
            can_tell_from=row["can_tell_from"],
        )


def _print(found: _Status, words: Language) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)

    def say(text: str) -> None:
        console.print(wrapped(text, console.width), markup=False, soft_wrap=True)

    zone = ZoneInfo(found.settings.get("reporting_timezone") or "UTC")
    for text in _age(found, words, zone):
        say(text)
    if found.runs:
        console.print()
        console.print(_table_of_runs(found.runs, words, zone))
        for run in found.runs:
            if run["message"]:
                at = _at(run["started_at"], words, zone)
                say(f"{at}: {words.word(run['phase'])}: {printable(run['message'])}")
    else:
        say(words.word("no_runs"))
    if found.scorecard:
        console.print()
        console.print(_table_of_metrics(found, words))


def _age(found: _Status, words: Language, zone: ZoneInfo) -> Iterator[str]:
    if found.published_at is None:
        yield words.word("nothing_published")
    else:
        yield words.word(
            "published_at",
            at=_at(found.published_at, words, zone),
            zone=zone.key,
            age=_hours(found.now - found.published_at, words),
        )
    if found.unchanged_at:
        yield words.word(
            "unchanged_at",
            at=_at(found.unchanged_at, words, zone),
            age=_hours(found.now - found.unchanged_at, words),
        )
    as_of = found.settings.get("as_of_at")
    if as_of:
        yield words.word("data_as_of", at=_at(as_of.replace(tzinfo=UTC), words, zone))
    if found.is_in_use:
        yield words.word("in_use")


def _at(moment: datetime, words: Language, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{words.day(local)}, {local:%H:%M}"


def _hours(age: Any, words: Language) -> str:
    hours = age.total_seconds() / _HOUR
    if hours >= 48:
        return words.figure(hours / 24, "days", None)
    return words.figure(hours * 60, "minutes", None)


def _table_of_runs(runs: list[Row], words: Language, zone: ZoneInfo) -> Table:
    table = Table(title=words.word("last_runs"), title_justify="left")
    for key in ("started", "command", "result"):
        table.add_column(words.word(key), no_wrap=key == "started")
    for key in ("seconds", "rows_read", "rows_rejected", "critical", "warnings"):
        table.add_column(words.word(key), justify="right")
    for run in runs:
        result = words.word(run["result"])
        if run["result"] in ("failed", "stopped"):
            result += f": {words.word(run['phase'])}"
        counts = [
            run[key]
            for key in (
                "rows_read",
                "rows_rejected",
                "checks_failed_critical",
                "checks_failed_warning",
            )
        ]
        table.add_row(
            _at(run["started_at"], words, zone),
            escape(run["command"]),
            result,
            words.number(run["seconds"]),
            *("" if count is None else words.whole(count) for count in counts),
        )
    return table


def _table_of_metrics(found: _Status, words: Language) -> Table:
    table = Table(title=words.word("can_tell"), title_justify="left")
    table.add_column(words.word("metric"))
    table.add_column(words.word("can_tell_from"))
    for row in found.scorecard:
        name = found.names.get(row["metric_code"], row)[f"name_{words.code}"]
        table.add_row(name, _when(row, found, words))
    return table


def _when(row: Row, found: _Status, words: Language) -> str:
    if row["is_able_to_tell"] or row["status"] in ("better", "worse"):
        return words.word("can_tell_now")
    day, months = row["can_tell_from"], row["months_to_tell"]
    longest = found.settings.get("comparison_months")
    needed = row["months_to_compare"]
    if needed and longest and needed > longest:
        # waiting does not help: the windows never get that long
        return words.word("needs_longer_windows", needed=needed, longest=longest)
    if day is None or months is None:
        return words.word("cannot_say_when")
    return words.word("from_day", day=words.day(day), n=months)
