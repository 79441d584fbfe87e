"""What guard and build cost, by engine and size of the portal: `make bench-engines`.

    python benchmarks/benchmark.py --leads 100000,300000,1000000 --engines duckdb,postgres
    python benchmarks/benchmark.py --leads 2000,10000 --engines duckdb,spark

Measures `crm-effect guard` and `crm-effect build` (which leaves unit tests out) on demo portals:
seconds of processor time of the command, of the Java process that it starts and of its database
server, seconds by the clock, and the peak of the memory of all their processes. On a machine that
does other work too, compare processor times and the ratios within one run, not the clock. Linux
only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

import postgres

REPOSITORY = Path(__file__).resolve().parents[1]
STEPS = ("guard", "build")
# often enough to see a query's peak, seldom enough to cost nothing
SAMPLED_EVERY_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a command took; memory that processes share is counted once."""

    cpu_s: float
    clock_s: float
    peak_gb: float


@dataclass(frozen=True)
class Engine:
    """Environment that makes `crm-effect` run on an engine, and the process of its server."""

    env: dict[str, str]
    server: int | None = None


@dataclass(frozen=True)
class Measured:
    """A portal on an engine: its size, the cost of each step, seconds of each model."""

    engine: str
    leads: int
    activities: int
    costs: dict[str, Cost]
    models: dict[str, float]


# -- processes


def _stat(pid: int) -> list[str]:
    # the name of a program may hold spaces, and ends with the last bracket
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()


def _tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _cpu_s(root: int) -> float:
    """Seconds of processor time of a tree of processes, with those that ended."""
    ticks = 0
    for pid in _tree(root):
        try:
            ticks += sum(map(int, _stat(pid)[11:15]))
        except OSError:
            continue
    return ticks / _TICKS


def _memory_gb(roots: list[int]) -> float:
    total_kb = 0
    for pid in {pid for root in roots for pid in _tree(root)}:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
        except OSError:
            continue
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb * 1024 / 1e9


def ended(
    command: list[str],
    env: dict[str, str],
    beside: Callable[[int], None],
    every_s: float = SAMPLED_EVERY_S,
) -> tuple[float, resource.struct_rusage]:
    """Runs a command to its end: seconds by the clock, and what the system says it used.

    Args:
        command: The command.
        env: Beside the environment of this process.
        beside: Called again and again meanwhile with the number of the process.
        every_s: So many seconds apart.

    Raises:
        SystemExit: the command failed; repeats what it said.
    """
    started, done = time.monotonic(), threading.Event()
    with subprocess.Popen(
        command,
        env=os.environ | env,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:

        def watch() -> None:
            while not done.wait(every_s):
                beside(process.pid)

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        done.set()
        watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed: {said.strip()[-2000:]}")
    return time.monotonic() - started, usage


def measure(command: list[str], env: dict[str, str], server: int | None = None) -> Cost:
    """Runs a command to its end; `server` is a process that works for it.

    Raises:
        SystemExit: the command failed; repeats what it said.
    """
    peaks, used_s = [0.0], [0.0]

    def sample(process: int) -> None:
        peaks.append(_memory_gb([process, *([server] if server else [])]))
        used_s.append(_cpu_s(process))

    server_before = _cpu_s(server) if server else 0.0
    clock_s, usage = ended(command, env, sample)
    server_s = _cpu_s(server) - server_before if server else 0.0
    # Java is not waited for, so that the system does not add its time to that of the command
    command_s = max(usage.ru_utime + usage.ru_stime, *used_s)
    return Cost(command_s + server_s, clock_s, max(peaks))


# -- engines


@contextmanager
def on_duckdb(leads: int, work: Path, memory: str | None) -> Iterator[Engine]:
    """The default engine; with `memory`, DuckDB may take no more and spills to disk."""
    folder = work / f"duckdb_{leads}"
    (folder / "warehouse.duckdb").unlink(missing_ok=True)
    env = {
        "CRM_TARGET": "duckdb",
        "CRM_RAW_DB": str(portal(work, leads)),
        "CRM_WAREHOUSE_DB": str(folder / "warehouse.duckdb"),
    }
    if memory:
        profiles = yaml.safe_load((REPOSITORY / "profiles.yml.example").read_text("utf-8"))
        (profile,) = profiles.values()
        profile["outputs"]["duckdb"]["settings"]["memory_limit"] = memory
        (folder / "profiles.yml").write_text(yaml.safe_dump(profiles), "utf-8")
        env["DBT_PROFILES_DIR"] = str(folder)
    yield Engine(env)


@contextmanager
def on_postgres(leads: int, work: Path, memory: str | None) -> Iterator[Engine]:
    """A throw-away server with PostgreSQL's own settings, but that it never waits for the disk."""
    with postgres.server() as url, postgres.database(url, "benchmark") as env:
        _say(f"demo portal of {leads:,} leads into PostgreSQL ...")
        measure(_crm_effect("demo", "--leads", str(leads)), env)
        pid_file = Path(env["PGHOST"]) / "data/postmaster.pid"
        yield Engine(env, int(pid_file.read_text("utf-8").splitlines()[0]))


@contextmanager
def on_spark(leads: int, work: Path, memory: str | None) -> Iterator[Engine]:
    """Spark in local mode, as the profile sets it."""
    folder = work / f"spark_{leads}"
    shutil.rmtree(folder / "spark", ignore_errors=True)
    (folder / "spark").mkdir()
    env = {"CRM_TARGET": "spark", "CRM_SPARK_DIR": str(folder / "spark")}
    _say(f"demo portal of {leads:,} leads into Spark ...")
    measure(_crm_effect("demo", "--leads", str(leads)), env)
    yield Engine(env)


ENGINES: dict[str, Callable[[int, Path, str | None], AbstractContextManager[Engine]]] = {
    "duckdb": on_duckdb,
    "postgres": on_postgres,
    "spark": on_spark,
}


# -- measuring


def portal(work: Path, leads: int) -> Path:
    """The demo portal of so many leads; made once."""
    raw = work / f"raw_{leads}.duckdb"
    if not raw.exists():
        _say(f"demo portal of {leads:,} leads ...")
        measure(_crm_effect("demo", "--leads", str(leads), "--out", str(raw)), {})
    return raw


def activities_of(raw: Path) -> int:
    with duckdb.connect(str(raw), read_only=True) as connection:
        return connection.execute("select count(*) from bitrix24.crm_activity").fetchone()[0]


def cost_of(engine: str, leads: int, work: Path, memory: str | None) -> Measured:
    """Guards and builds a portal on an engine, in an empty warehouse."""
    folder = work / f"{engine}_{leads}"
    folder.mkdir(exist_ok=True)
    costs = {}
    with ENGINES[engine](leads, work, memory) as ready:
        env = ready.env | {
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_WRITE_JSON": "true",
        }
        for step in STEPS:
            costs[step] = cost = measure(_crm_effect(step), env, ready.server)
            _say(
                f"{engine}, {leads:,} leads, {step}: {cost.cpu_s:.0f} s of processor time, "
                f"{cost.clock_s:.0f} s by the clock, {cost.peak_gb:.1f} GB"
            )
    results = json.loads((folder / "target/run_results.json").read_text("utf-8"))["results"]
    models = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in results
        if result["unique_id"].startswith("model.")
    }
    return Measured(engine, leads, activities_of(portal(work, leads)), costs, models)


def _crm_effect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bitrix24_effectiveness.cli", *arguments]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- the report


def report(all_measured: list[Measured], slowest: int) -> str:
    """Markdown: a row per engine and portal, then the slowest models of the largest portals."""
    lines = [
        "| engine | leads | activities | guard | build | guard / build | build, times the smallest "
        "| build, times DuckDB | peak of guard | peak of build |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    build_s = {(one.engine, one.leads): one.costs["build"].cpu_s for one in all_measured}
    for one in all_measured:
        guard, build = (one.costs[step] for step in STEPS)
        smallest = min(leads for engine, leads in build_s if engine == one.engine)
        on_duckdb_s = build_s.get(("duckdb", one.leads))
        lines.append(
            f"| {one.engine} | {one.leads:,} | {one.activities:,} "
            f"| {guard.cpu_s:.0f} s ({guard.clock_s:.0f} s) "
            f"| {build.cpu_s:.0f} s ({build.clock_s:.0f} s) "
            f"| {guard.cpu_s / build.cpu_s:.0%} "
            f"| {build.cpu_s / build_s[one.engine, smallest]:.1f} "
            f"| {f'{build.cpu_s / on_duckdb_s:.1f}' if on_duckdb_s else '-'} "
            f"| {guard.peak_gb:.1f} GB | {build.peak_gb:.1f} GB |"
        )
    lines += ["", "Seconds of processor time; in parentheses by the clock."]
    for engine in dict.fromkeys(one.engine for one in all_measured):
        largest = max(
            (one for one in all_measured if one.engine == engine), key=lambda one: one.leads
        )
        total = sum(largest.models.values())
        lines += [
            "",
            f"The {slowest} slowest of {len(largest.models)} models on {engine}, "
            f"{largest.leads:,} leads:",
            "",
            "| model | seconds | share |",
            "|---|---|---|",
        ]
        ranked = sorted(largest.models.items(), key=lambda item: -item[1])[:slowest]
        lines += [f"| {name} | {took:.1f} | {took / total:.0%} |" for name, took in ranked]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--leads", default="100000", help="sizes, such as 100000,300000")
    parser.add_argument("--engines", default="duckdb", help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "target/benchmark")
    parser.add_argument("--out", type=Path, help="markdown file; printed in any case")
    parser.add_argument("--memory", help="memory limit of DuckDB's build, such as 6GB")
    parser.add_argument("--slowest", type=int, default=10, help="models listed by time")
    given = parser.parse_args()
    engines = given.engines.split(",")
    if unknown := set(engines) - ENGINES.keys():
        parser.error(f"no engine {', '.join(sorted(unknown))}: one of {', '.join(ENGINES)}")
    work = given.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    all_measured = []
    for leads in map(int, given.leads.split(",")):
        for engine in engines:
            all_measured.append(cost_of(engine, leads, work, given.memory))
            text = report(all_measured, given.slowest)
            if given.out:
                given.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
