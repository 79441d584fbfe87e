"""How much longer a run takes than the ten figures by hand: `make bench`.

    python benchmarks/ratios.py --leads 60000,300000

Processor time of each command as a process of its own, one after the other on the demo portal: a
scan of the raw columns that the figures need, scripts for DuckDB, polars and pandas
(`baselines.py`), `crm-effect run` in its steps, and the SQL of the build alone, without dbt. The
figures of the scripts must be those of the build, cell by cell. On a machine that does other work
too the ratios within one run count, and neither the clock nor single times. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from baselines import BASELINES, computed, differences
from benchmark import REPOSITORY, Cost, _crm_effect, _say, activities_of, measure, portal
from bitrix24_effectiveness.build import Dbt
from bitrix24_effectiveness.demo import settled
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.plain_tests import by_table, plain_tests
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

STEPS = ("guard", "build", "publish", "report")
DOCUMENT = REPOSITORY / "docs/benchmark.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"


def replay(target: Path) -> float:
    """Runs the SQL of the build that dbt left in `target`, in memory; gives its processor time.

    What `crm-effect build` keeps in the warehouse is kept in a file here too.
    """
    project = settled(Project.find({}))
    dbt = Dbt(project, Log("text"))
    dbt.build_in_memory()
    scratch = warehouse_of(project).scratch_database
    plain = plain_tests(dbt.manifest)
    nodes = dbt.manifest.nodes
    results = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    with TemporaryDirectory(dir=target) as folder, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set threads = 2")
        connection.execute("set checkpoint_threshold = '1TB'")
        connection.execute(f"set temp_directory = '{folder}/spilled'")
        connection.execute(f"attach '{folder}/warehouse.duckdb' as warehouse")
        connection.execute(f"attach '{project.raw_db}' as raw (read_only)")
        if scratch:
            connection.execute(f"attach ':memory:' as {scratch}")
        for database, schema in sorted({(node.database, node.schema) for node in nodes.values()}):
            connection.execute(f"create schema if not exists {database}.{schema}")
        before = _cpu_s()
        for node in nodes.values():
            if node.resource_type == "seed":
                connection.execute(
                    f"create table {node.relation_name} as from "
                    f"read_csv('{project.seeds_dir / node.name}.csv', header = true, "
                    f"types = {node.config.column_types})"
                )
        # dbt has them in the order in which it was done with them
        for result in results:
            node, sql = nodes[result["unique_id"]], result["compiled_code"]
            if node.resource_type == "model":
                kind = "view" if node.config.materialized == "view" else "table"
                connection.execute(f"create {kind} {node.relation_name} as ({sql})")
            elif node.resource_type == "test":
                connection.execute(f"select count(*) from ({sql})").fetchall()
        for query, _ in by_table(plain.values()):
            connection.execute(query).fetchall()
        return _cpu_s() - before


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(leads: int, work: Path) -> dict[str, Cost]:
    """The cost of each way, and the proof that all have the same figures."""
    raw = portal(work, leads)
    folder = work / f"ratios_{leads}"
    folder.mkdir(exist_ok=True)
    costs: dict[str, Cost] = {}
    env = {
        "CRM_TARGET": "duckdb",
        "CRM_RAW_DB": str(raw),
        "CRM_WAREHOUSE_DB": str(folder / "warehouse.duckdb"),
        "CRM_MARTS_DB": str(folder / "crm.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    # for the SQL alone, which is run again
    with_results = {"DBT_WRITE_JSON": "true"}

    def take(name: str, command: list[str]) -> None:
        costs[name] = cost = measure(command, env | (with_results if name == "build" else {}))
        _say(f"{leads:,} leads, {name}: {cost.cpu_s:.1f} s of processor time")

    script = str(REPOSITORY / "benchmarks/baselines.py")
    for name in BASELINES:
        take(name, [sys.executable, script, name, str(raw)])
    for leftover in folder.glob("*.duckdb*"):
        leftover.unlink()
    for step in STEPS:
        take(step, _crm_effect(step))
    sql = subprocess.run(
        [sys.executable, __file__, "--replay", str(folder / "target")],
        env=os.environ | env,
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    costs["SQL of the build"] = Cost(float(sql.stdout), 0.0, 0.0)
    _say(f"{leads:,} leads, SQL of the build: {float(sql.stdout):.1f} s of processor time")
    take("run", _crm_effect("run", "--force"))
    take("run on unchanged input", _crm_effect("run"))
    with duckdb.connect(str(folder / "crm.duckdb"), read_only=True) as connection:
        figures = connection.execute(
            "select metric_key, value, numerator, denominator, value_status, segment_type = 'all' "
            "from marts.metric_values"
        ).fetchall()
    for name in BASELINES[1:]:
        expected = [row[:5] for row in figures if row[5] or name == "duckdb_all_segments"]
        if found := differences(computed(name, raw), expected):
            sys.exit(f"{name}: {len(found)} figures differ, such as {found[0]}")
    return costs


def table(leads: int, activities: int, costs: dict[str, Cost]) -> str:
    """Markdown: what each way took, and how often it fits into what we do."""
    ours = ("SQL of the build", "build", "run")
    lines = [
        f"### {leads:,} leads, {activities:,} activities",
        "",
        "| what | processor time | peak of memory | "
        + " | ".join(f"{one} / this" for one in ours)
        + " |",
        "|---|---|---|" + "---|" * len(ours),
    ]
    for name, cost in costs.items():
        ratios = " | ".join(f"{costs[one].cpu_s / cost.cpu_s:.1f}" for one in ours)
        peak = f"{cost.peak_gb:.1f} GB" if cost.peak_gb else ""
        lines.append(f"| {name.replace('_', ' ')} | {cost.cpu_s:.1f} s | {peak} | {ratios} |")
    return "\n".join(lines)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    memory = Path("/proc/meminfo").read_text("utf-8").splitlines()[0].split()[1]
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {len(models)} x {models[0] if models else '?'}, "
        f"{int(memory) / 1e6:.0f} GB, {platform.system()}, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}."
    )


def write(text: str, begin: str, end: str) -> None:
    """Puts the text between two marks of the document."""
    before, _, rest = DOCUMENT.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--leads", default="60000", help="sizes, such as 60000,300000")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "target/benchmark")
    parser.add_argument("--replay", type=Path, help="only the SQL that dbt left in this folder")
    parser.add_argument("--write", action="store_true", help=f"put it into {DOCUMENT.name}")
    given = parser.parse_args()
    if given.replay:
        print(replay(given.replay))
        return
    work = given.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    parts = [machine()]
    for leads in map(int, given.leads.split(",")):
        costs = measured(leads, work)
        parts.append(table(leads, activities_of(portal(work, leads)), costs))
    text = "\n\n".join(parts)
    print(text)
    if given.write:
        write(text, BEGIN, END)


if __name__ == "__main__":
    main()
