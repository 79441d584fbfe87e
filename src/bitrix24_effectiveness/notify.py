"""One message a run at most, to a command: that it failed, or what it changed.

The command is that of CRM_ON_FAILURE or CRM_ON_CHANGE. It gets JSON on its standard input, whose
keys docs/scheduling.md describes; a key that changes its meaning comes with another `version`.
What the command makes of it changes nothing of the run.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from bitrix24_effectiveness.alerts import Alert
from bitrix24_effectiveness.changes import Change
from bitrix24_effectiveness.errors import AnotherRunError
from bitrix24_effectiveness.explain import period_name
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.log import Log, without_secrets

VERSION = 1
SECONDS = 60
_SHOWN = 20


@dataclass
class Told:
    """What a run has to tell, as it comes to know it."""

    command: str | None = None
    """None: a command that a person watches."""
    language: str = "en"
    source: str | None = None
    """Portal or file that the data come from."""
    changes: list[Change] = field(default_factory=list)
    """Of figures of the whole company in complete periods, above the threshold."""
    alerts: list[Alert] = field(default_factory=list)
    metrics: dict[str, dict[str, str]] = field(default_factory=dict)
    """Rows of `metric_catalog` by code, where there is one."""

    def tell(self, code: int, reason: str | None, log: Log, environment: Mapping[str, str]) -> None:
        """Runs the command that is to be told, if there is something to tell it.

        Args:
            code: With which `crm-effect` will end.
            reason: Why, in one line; None: it went well.
            log: Says in one line that telling failed.
            environment: Names the commands.
        """
        # somebody else's run is going on; a person has pressed Ctrl-C
        unworthy = (AnotherRunError.exit_code, 128 + signal.SIGINT)
        if self.command is None or code in unworthy:
            return
        event = "failure" if code else "change"
        command = environment.get(f"CRM_ON_{event.upper()}", "").strip()
        if not command or not (code or self.changes or self.alerts):
            return
        message = without_secrets(environment, reason) if reason else None
        self.source = self.source and without_secrets(environment, self.source)
        problem = _run(command, self._as_json(event, code, message), environment)
        if problem:
            name = f"CRM_ON_{event.upper()}"
            log.event("not_told", f"{name}: {problem}", "warning", command=name, why=problem)

    def _as_json(self, event: str, code: int, message: str | None) -> str:
        told = {
            "version": VERSION,
            "event": event,
            "command": self.command,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "exit_code": code,
            "message": message,
            "source": self.source,
            "crm_effect": version("bitrix24-effectiveness"),
            "past_changes": [vars(one) for one in self.changes[:_SHOWN]],
            "past_changes_count": len(self.changes),
            "alerts": [vars(one) for one in self.alerts],
            "text": "\n".join(self._lines(message)),
        }
        return json.dumps(told, ensure_ascii=False, default=str)

    def _name(self, metric_code: str) -> str:
        return self.metrics.get(metric_code, {}).get(f"name_{self.language}", metric_code)

    def _lines(self, message: str | None) -> list[str]:
        """The same for people."""
        words = Language(self.language, "notify")

        def figure(metric_code: str, value: float | None) -> str:
            unit = self.metrics.get(metric_code, {}).get("unit", "")
            return words.figure(value, unit, None) if unit else words.number(value)

        source = f" ({self.source})" if self.source else ""
        lines = [
            words.word("failed" if message else "changed", command=self.command, source=source)
        ]
        lines += [message] if message else []
        for alert in self.alerts:
            is_low = alert.low is not None and alert.value < alert.low
            limit = alert.low if is_low else alert.high
            key = ("below" if is_low else "above") + ("_usual" if alert.months else "")
            segment = alert.segment_name or alert.segment_id
            lines.append(
                words.word(
                    key,
                    metric=self._name(alert.metric_code),
                    segment="" if alert.segment_type == "all" else f" ({segment})",
                    period=period_name("month", alert.period_start),
                    value=figure(alert.metric_code, alert.value),
                    limit=figure(alert.metric_code, limit),
                    months=alert.months,
                )
            )
        for change in self.changes[:_SHOWN]:
            lines.append(
                words.word(
                    "past",
                    metric=self._name(change.metric_code),
                    period=period_name(change.period_grain, change.period_start),
                    old=figure(change.metric_code, change.old_value),
                    new=figure(change.metric_code, change.new_value),
                    why=", ".join(words.word(code) for code in change.why.split(", ")),
                )
            )
        if len(self.changes) > _SHOWN:
            lines.append(words.word("more", count=len(self.changes) - _SHOWN))
        return lines


def _run(command: str, message: str, environment: Mapping[str, str]) -> str | None:
    """What went wrong, in one line; None: nothing."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        # files, not pipes: a child of the command that goes on would hold these open
        given.write(message.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                shlex.split(command),
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=dict(environment),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return str(error)
        try:
            code = process.wait(SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            _end(process)
            return f"it did not end within {SECONDS} seconds, or was interrupted"
        if not code:
            return None
        said.seek(0)
        last = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"ended with {code}" + (f": {without_secrets(environment, last)}" if last else "")


def _end(process: subprocess.Popen[Any]) -> None:
    """With all that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
