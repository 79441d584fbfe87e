"""`run_history` and `model_timings`: how each run went, kept over runs beside what dbt builds.

Keeping it never ends a run: what cannot be kept is said in one line, and of a run that failed not
even that.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from bitrix24_effectiveness.build import kept_passed
from bitrix24_effectiveness.errors import CrmEffectError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.log import Log, without_secrets
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Reader, Row, warehouse_of
from bitrix24_effectiveness.warehouse.kept import (
    KEPT,
    MODEL_TIMINGS,
    RUN_HISTORY,
    VERDICT_HISTORY,
    definition,
)

_KEPT_TIMINGS = 100


@dataclass
class Phase:
    """A part of a run; whoever is in it says what came of it."""

    name: str
    started_at: datetime
    seconds: float = 0.0
    status: str = "ok"
    rows_read: int | None = None
    message: str | None = None


class History:
    """How this run goes."""

    def __init__(self, project: Project, log: Log, command: str) -> None:
        """Keeps nothing yet."""
        self._project = project
        self._log = log
        self._command = command
        self._phases: list[Phase] = []
        self.run_id = _now().isoformat(timespec="microseconds") + "+00:00"
        self.is_ours = False
        """Whether the warehouse is known to be that of crm-effect: nobody else's is written to."""
        self.model_seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Times the block, and remembers how it ended."""
        phase = Phase(name, _now())
        started = time.monotonic()
        try:
            yield phase
        except CrmEffectError as error:
            phase.status, phase.message = (
                "failed",
                without_secrets(self._project.environment, str(error)),
            )
            raise
        except Exception as error:
            # of what nobody expected nobody knows what it quotes
            phase.status, phase.message = "failed", f"unexpected {type(error).__name__}"
            raise
        except BaseException:
            phase.status = "stopped"
            raise
        finally:
            phase.seconds = round(time.monotonic() - started, 3)
            self._phases.append(phase)

    def keep(self) -> None:
        """Writes the phases that ended since it was last called."""
        phases, self._phases = self._phases, []
        seconds, self.model_seconds = self.model_seconds, {}
        # there nothing is published, and no run is whole
        if self._project.target == "spark" or not phases:
            return
        try:
            if not self.is_ours and not self._is_kept():
                return
            with (
                kept_passed(self._project),
                warehouse_of(self._project).beside(may_write=True) as reader,
            ):
                if reader is not None:
                    self._write(reader, phases, seconds)
        except (CrmEffectError, OSError) as error:
            if all(phase.status in ("ok", "unchanged") for phase in phases):
                self._log.event(
                    "history",
                    f"this run is not kept in {RUN_HISTORY}: {error}",
                    "warning",
                    why=str(error),
                )

    def _is_kept(self) -> bool:
        with warehouse_of(self._project).beside() as reader:
            schema = self._project.schema("quality")
            return reader is not None and (schema, RUN_HISTORY) in reader.tables_of(schema)

    def _write(self, reader: Reader, phases: list[Phase], seconds: dict[str, float]) -> None:
        schema = self._project.schema("quality")
        there = reader.tables_of(schema, self._project.schema("marts"))
        missing = [table for table in KEPT if (schema, table) not in there]
        if missing:
            reader.execute(f"create schema if not exists {quote(schema)}")
        for table in missing:
            for statement in definition(schema, table):
                reader.execute(statement)
        built = [phase for phase in phases if phase.status in ("ok", "unchanged")]
        is_built = any(
            one.name in ("build", "publish") or one.status == "unchanged" for one in built
        )
        version = self._project.version
        facts = _facts(reader, self._project, there) if is_built else {}
        rows: list[tuple[object, ...]] = []
        for phase in phases:
            is_build = phase.name == "build" and phase.status == "ok"
            is_later = phase.name == "publish" or phase.status == "unchanged"
            rows.append(
                (
                    self.run_id,
                    self._command,
                    phase.name,
                    phase.started_at,
                    phase.seconds,
                    phase.status,
                    facts.get("rows_read") if is_build else phase.rows_read,
                    facts.get("rows_rejected") if is_build else None,
                    version,
                    facts.get("as_of") if is_build or is_later else None,
                    phase.message,
                )
            )
        self._insert(reader, RUN_HISTORY, rows)
        self._insert(
            reader, MODEL_TIMINGS, [(self.run_id, model, took) for model, took in seconds.items()]
        )
        if (self._project.schema("marts"), "crm_verdict") in there and any(
            phase.name == "build" and phase.status == "ok" for phase in phases
        ):
            columns = ", ".join(list(KEPT[VERDICT_HISTORY][1])[2:])
            marts = quote(self._project.schema("marts"))
            said = reader.tuples(f"select as_of_at, {columns} from {marts}.crm_verdict")
            self._insert(reader, VERDICT_HISTORY, [(self.run_id, *row) for row in said])
        if seconds:
            table = f"{quote(schema)}.{MODEL_TIMINGS}"
            reader.execute(
                f"delete from {table} where run_id not in (select run_id from {table} "
                f"group by run_id order by run_id desc limit {_KEPT_TIMINGS})"
            )

    def _insert(self, reader: Reader, table: str, rows: list[tuple[object, ...]]) -> None:
        if not rows:
            return
        name = f"{quote(self._project.schema('quality'))}.{table}"
        columns = KEPT[table][1]
        # all in one statement: each costs as much as all
        marks = ", ".join("(" + ", ".join("?" for _ in columns) + ")" for _ in rows)
        reader.execute(
            f"insert into {name} ({', '.join(columns)}) values {marks}",
            [value for row in rows for value in row],
        )


@contextmanager
def kept_history(project: Project, log: Log, command: str) -> Iterator[History]:
    """The history of a run, kept however the block ends; hold the lock of the warehouse."""
    history = History(project, log, command)
    try:
        yield history
    finally:
        history.keep()


def _facts(reader: Reader, project: Project, there: set[tuple[str, str]]) -> Row:
    """Rows read and rejected, and as of when, as the marts of the warehouse have them."""
    schema = project.schema("marts")
    facts: Row = {}
    if (schema, "raw_row_counts") in there:
        facts |= reader.rows(
            "select cast(sum(raw_rows) as bigint) as rows_read, "
            "cast(sum(rejected_rows) as bigint) as rows_rejected "
            f"from {quote(schema)}.raw_row_counts"
        )[0]
    if (schema, "run_settings") in there:
        facts |= reader.rows(f"select max(as_of_at) as as_of from {quote(schema)}.run_settings")[0]
    return facts


def _now() -> datetime:
    """UTC, without saying so: as the marts have it."""
    return datetime.now(UTC).replace(tzinfo=None)
