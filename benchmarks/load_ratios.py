"""How much a load costs beyond reading the same answers: `make bench-load`.

    python benchmarks/load_ratios.py --rows 100000,400000

Loads emulated portals without limits by `crm-effect load`, a process of its own, and then sends the
very requests that it sent once more with nothing but `requests` and `json`, which throws the rows
away. By the clock both take what the emulator, in its own process, takes to answer; the ratio of
the two is what loading adds. On a machine that does other work too each is measured `--times`, and
the quickest counts. Requests are compared with the fewest that could be: batches of fifty pages of
fifty rows, each table by itself. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from benchmark import REPOSITORY, _crm_effect, _say, ended
from bitrix24_effectiveness.project import Project
from emulator import Emulator, Portal
from ratios import DOCUMENT, machine, write

BEGIN, END = "<!-- loading -->", "<!-- end of loading -->"
PER_BATCH = 50 * 50
SHARES = {"crm_deal": 0.1, "crm_deal_stage_history": 0.4, "crm_activity": 0.5}
"""Of all rows, as on portals: every deal has some movements and some activities."""


@dataclass(frozen=True)
class Taken:
    """What a process took."""

    clock_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Measured:
    """A load of a portal, beside the same answers read by hand."""

    rows: int
    requests: int
    fewest: int
    load: Taken
    plain: Taken


# -- the portal


def portal_of(rows: int) -> Portal:
    """A portal with so many rows, each with every column of the contract."""
    contract = Project(REPOSITORY, {}).raw_tables
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, share in SHARES.items():
        columns = {column.name: _value(column.name) for column in contract[table].columns}
        tables[table] = [
            columns | {"id": str(key), "owner_id": str(key % 1000 + 1)}
            if "owner_id" in columns
            else columns | {"id": str(key)}
            for key in range(1, int(rows * share) + 1)
        ]
    tables["crm_status"] = [{"id": "1", "entity_id": "DEAL_STAGE", "status_id": "NEW"}]
    return Portal(tables)


def _value(column: str) -> str:
    is_time = column.endswith(("_time", "_date", "date", "_modify", "_updated", "_create"))
    if is_time or column in ("created", "deadline"):
        return "2025-03-01T10:00:00+03:00"
    return {"opportunity": "19999.99", "stage_id": "C9:PREPARATION"}.get(column, "12")


class _Recording(Emulator):
    """Remembers what it was sent, and not the calls within, which would fill the memory."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal)
        self.sent: list[dict[str, Any]] = []

    def answer(self, number: int, path: str, parameters: Any, faults: Any) -> tuple[int, bytes]:
        self.sent.append(parameters)
        self.requests.clear()
        return super().answer(number, path, parameters, faults)


def _serve(rows: int, connection: Connection) -> None:
    """Serves a portal until it is told to stop; hands out what it was sent since it was asked."""
    with _Recording(portal_of(rows)) as emulator:
        connection.send(emulator.webhook)
        while connection.recv():
            connection.send(emulator.sent)
            emulator.sent = []


# -- processes


def take(command: list[str], env: dict[str, str]) -> Taken:
    """Runs a command to its end.

    Its peak is asked of the process itself: what the system says at the end counts the memory of
    the process that it was forked from.

    Raises:
        SystemExit: it failed; repeats what it said.
    """
    peaks = [0.0]

    def look(process: int) -> None:
        with suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text("utf-8")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            peaks.append(int(found[1]) / 1024 if found else 0.0)

    clock_s, usage = ended(command, env, look, every_s=0.05)
    return Taken(clock_s, usage.ru_utime + usage.ru_stime, max(peaks))


def read_plainly(webhook: str, recorded: Path) -> None:
    """Sends requests once more and reads their answers as JSON."""
    with requests.Session() as session, recorded.open(encoding="utf-8") as lines:
        for line in lines:
            answer = session.post(f"{webhook}batch", json=json.loads(line), timeout=75)
            answer.raise_for_status()
            answer.json()


def measured(rows: int, times: int) -> Measured:
    """The quickest of some loads, and of some readings of the same answers."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(rows, there), daemon=True)
    server.start()
    webhook = here.recv()
    loads, plains, sent = [], [], []
    with TemporaryDirectory() as name:
        folder, recorded = Path(name), Path(name) / "requests.jsonl"
        for number in range(times):
            env = {
                "CRM_TARGET": "duckdb",
                "CRM_RAW_DB": str(folder / f"raw_{number}.duckdb"),
                "BITRIX24_WEBHOOK_URL": webhook,
                "BITRIX24_REQUESTS_PER_SECOND": "0",
                "BITRIX24_OPERATING_LIMIT": "0",
            }
            loads.append(take(_crm_effect("load"), env))
            here.send(True)
            sent = here.recv()
            recorded.write_text("".join(json.dumps(one) + "\n" for one in sent), "utf-8")
            script = [sys.executable, __file__, "--plain", str(recorded)]
            paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
            plains.append(take(script, {"BITRIX24_WEBHOOK_URL": webhook} | paths))
            here.send(True)
            here.recv()
            _say(f"{rows:,} rows: load {loads[-1].clock_s:.1f} s, plain {plains[-1].clock_s:.1f} s")
    here.send(False)
    server.join()
    # every table is asked for once at least
    tables = Project(REPOSITORY, {}).raw_tables
    fewest = sum(max(1, -(-int(rows * SHARES.get(one, 0)) // PER_BATCH)) for one in tables)
    # without chats no session is asked for
    fewest -= 1
    return Measured(rows, len(sent), fewest, _quickest(loads), _quickest(plains))


def _quickest(taken: list[Taken]) -> Taken:
    return min(taken, key=lambda one: one.clock_s)


def table(found: list[Measured]) -> str:
    """Markdown of what was measured."""
    lines = [
        "| rows | rows a second | load / plain reading, clock | processor time likewise | "
        "requests / fewest | peak of memory |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        lines.append(
            f"| {one.rows:,} | {one.rows / one.load.clock_s:,.0f} "
            f"| {one.load.clock_s:.1f} s / {one.plain.clock_s:.1f} s "
            f"= {one.load.clock_s / one.plain.clock_s:.2f} "
            f"| {one.load.cpu_s:.1f} s / {one.plain.cpu_s:.1f} s "
            f"= {one.load.cpu_s / one.plain.cpu_s:.2f} "
            f"| {one.requests} / {one.fewest} = {one.requests / one.fewest:.2f} "
            f"| {one.load.peak_mb:,.0f} MB |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", default="100000,400000", help="sizes, such as 100000,400000")
    parser.add_argument("--times", type=int, default=2, help="how often each is measured")
    parser.add_argument("--plain", type=Path, help="only sends the requests of this file")
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name}")
    given = parser.parse_args()
    if given.plain:
        read_plainly(os.environ["BITRIX24_WEBHOOK_URL"], given.plain)
        return
    found = [measured(int(rows), given.times) for rows in given.rows.split(",")]
    text = f"{machine()}\n\n{table(found)}"
    print(text)
    if given.write:
        write(text, BEGIN, END)


if __name__ == "__main__":
    main()
