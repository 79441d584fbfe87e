"""What a person sees while a command works, or what a scheduler reads: JSON lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bitrix24_effectiveness.language import Language


def printable(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor or changes its colours."""
    return "".join(
        one if one.isprintable() else " " if one.isspace() else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


_LONGEST_MESSAGE = 500
# the key of a webhook is a part of its address
_WEBHOOK = re.compile(r"(/rest/\d+/)[^/\s]+")
_LOGIN = re.compile(r"(://)[^/@\s]+@")
_SECRET_NAMES = ("PASSWORD", "SECRET", "TOKEN", "WEBHOOK", "_KEY")
_SHORTEST_SECRET = 4


def without_secrets(environment: Mapping[str, str], text: str) -> str:
    """One line in which nobody finds a password of the environment or the key of a webhook."""
    for name, value in environment.items():
        if len(value) >= _SHORTEST_SECRET and any(part in name.upper() for part in _SECRET_NAMES):
            text = text.replace(value, "***")
    text = _LOGIN.sub(r"\1***@", _WEBHOOK.sub(r"\1***", text))
    return printable(text)[:_LONGEST_MESSAGE]


class Log:
    """Progress and messages of a command: text on stderr, or JSON lines on stdout."""

    def __init__(self, log_format: str) -> None:
        """Takes `text` or `json`."""
        self.is_json = log_format == "json"
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: Any = None
        self._language = Language("en", "log")

    def speak(self, code: str) -> None:
        """From now on says to people in `ru` or `en` what there are words for."""
        self._language = Language(code, "log")

    def event(self, event: str, message: str, level: str = "info", **fields: Any) -> None:
        """Says one thing. `fields` are for machines and appear in JSON only."""
        if self.is_json:
            line = {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "level": level,
                "event": event,
                "message": message,
                **fields,
            }
            # in one piece: threads write too, and `print` writes the end of a line apart
            text = json.dumps(line, ensure_ascii=False, default=str) + "\n"
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            style = {"error": "red", "warning": "yellow"}.get(level)
            prefix = "error: " if event == "error" else ""
            if self._language.has(event):
                message = self._language.word(event, **fields)
            lines = "\n".join(map(printable, message.split("\n")))
            self._console.print(prefix + lines, style=style, markup=False)

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Shows a table to people; machines read the same from events."""
        if self.is_json:
            return
        word = self._language.word
        table = Table(title=word(title), title_justify="left")
        for column in columns:
            table.add_column(word(column), no_wrap=column == "Check", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        self._console.print(table, soft_wrap=False)

    @contextmanager
    def progress(self, title: str) -> Iterator[None]:
        """Shows a bar while the block runs, on a terminal only."""
        if self.is_json or not self._console.is_terminal:
            yield
            return
        columns = (
            TextColumn(self._language.word(title)),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as self._progress:
            self._task = self._progress.add_task(title, total=None)
            yield
        self._progress = None

    def step(self, event: str, message: str, done: int, total: int, **fields: Any) -> None:
        """Says that one more of `total` steps is done: moves the bar, or writes a JSON line."""
        if self.is_json:
            self.event(event, message, done=done, total=total, **fields)
        elif self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    @contextmanager
    def status(self, text: str) -> Iterator[Callable[[str], None]]:
        """Shows on a terminal what is going on while the block runs; a call says it anew."""
        if self.is_json or not self._console.is_terminal:
            yield lambda _: None
            return
        with self._console.status(escape(text)) as status:
            yield lambda text: status.update(escape(text))
