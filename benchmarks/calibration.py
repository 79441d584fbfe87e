"""How often the scorecard is wrong where nothing changed, and how often it sees what did.

``make calibrate`` makes hundreds of portals, judges each by the compiled SQL of the project, and
writes ``docs/calibration.md`` and ``docs/calibration.svg``. It is a script of the tests and no part
of the package: it shows that the method holds, which nobody needs in order to use it.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import click
import duckdb
from scipy.stats import beta

from bitrix24_effectiveness.demo import GO_LIVE, generator
from harness import (
    MARTS,
    REPOSITORY,
    Compiled,
    build_model,
    compile_project,
    load_rows,
    rows_of,
    seed_rows,
)

WANTED = ("crm_scorecard", "crm_verdict")
EFFECTS = (0.25, 0.5, 1.0)
# two years of history before the window before, so that the clients of the first day do not matter
LONG_AGO = date(2022, 5, 1)
# the history of the demo portal begins half a year before that window
LATELY = generator.FIRST_DAY
# a week or two at forty leads a month
SCATTER = 30.0
# what 95 % intervals allow
ALLOWED = 0.05
# every portal has a row of it: verdicts are counted by these
ONE_ROW = "conversion"

COLUMNS = (
    "leads", "effect", "first_day", "seed", "verdict", "families_better", "families_worse",
    "metric_code", "status", "before_value", "after_value", "change", "change_ci_low",
    "change_ci_high", "before_n", "after_n", "trend_before", "trend_before_ci_low",
    "trend_before_ci_high",
)  # fmt: skip

Judged = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """A portal to be judged: its leads, the share of the planted effect, the generator's seed."""

    leads: int
    effect: float
    first_day: date
    seed: int


def seeds_of(effect: float) -> dict[str, list[dict[str, str]]]:
    """Costs and rates of exchange that know nothing of the go-live, and processes that do.

    Of the processes that the demo portal automates after the go-live, the share `effect` is.
    """
    costs = [("marketing", "advertising", "7500000"), ("marketing", "website", "3300000"),
             ("crm", "", "900000"), ("salary", "", "36000000")]  # fmt: skip
    processes = seed_rows(REPOSITORY / "seeds", "business_processes")
    since = [process for process in processes if process["automated_from"] >= "2025-05-01"]
    for process in since[round(effect * len(since)) :]:
        process["automated_from"] = ""
    return {
        "costs": [
            {
                "cost_id": str(number),
                "cost_type": kind,
                "channel": channel,
                "date_from": LONG_AGO.isoformat(),
                "date_to": "2026-10-31",
                "amount": amount,
                "currency": "RUB",
            }
            for number, (kind, channel, amount) in enumerate(costs, 1)
        ],
        "business_processes": processes,
        "exchange_rates": [],
        "manual_baseline": [],
        "price_index": [],
    }


def run(compiled: Compiled, wish: Wish, changes: tuple[str, ...] = ()) -> duckdb.DuckDBPyConnection:
    """A portal of the generator with all wanted models built, in memory.

    The changes are statements that do to its raw tables (schema `bitrix24`) what companies do.
    """
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set threads = 1")
    for database in compiled.databases:
        connection.execute(f"attach ':memory:' as \"{database}\"")
    connection.execute("use raw")
    generator.write(connection, wish.leads, wish.seed, wish.effect, wish.first_day, SCATTER)
    for change in changes:
        connection.execute(change)
    for schema in {node.schema for node in [*compiled.models, *compiled.seeds.values()]}:
        connection.execute(f"create schema if not exists {schema}")
    given = seeds_of(wish.effect)
    for name, node in compiled.seeds.items():
        rows = given[name] if name in given else seed_rows(REPOSITORY / "seeds", name)
        rows = [{key: value or None for key, value in row.items()} for row in rows]
        load_rows(connection, node.relation, node.columns or dict.fromkeys(rows[0], "double"), rows)
    for model in compiled.models:
        build_model(connection, model)
    return connection


def judge(compiled: Compiled, wish: Wish, changes: tuple[str, ...] = ()) -> list[Judged]:
    """The rows of the scorecard of a portal, with the verdict in each."""
    with run(compiled, wish, changes) as connection:
        (verdict,) = rows_of(connection, f"{MARTS}.crm_verdict")
        scorecard = rows_of(connection, f"{MARTS}.crm_scorecard")
    told = asdict(wish) | verdict
    return [{name: (told | row)[name] for name in COLUMNS} for row in scorecard]


_compiled: Compiled


def _start(compiled: Compiled) -> None:
    global _compiled
    _compiled = compiled


def _judge(wish: Wish) -> list[Judged]:
    return judge(_compiled, wish)


def judge_all(compiled: Compiled, wishes: list[Wish], jobs: int) -> Iterator[list[Judged]]:
    """Judges portals in processes of their own, in the order of the wishes."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start, (compiled,)) as pool:
        yield from pool.map(_judge, wishes)


def fingerprint(compiled: Compiled) -> str:
    """Of all that a judgement depends on: models, seeds and the generator."""
    digest = sha256()
    for model in compiled.models:
        digest.update(model.sql.encode())
    generated = Path(generator.__file__).parent
    for path in sorted([*compiled.seed_paths.values(), *generated.rglob("*.sql")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def with_checkpoint(compiled: Compiled, wishes: list[Wish], jobs: int, path: Path) -> list[Judged]:
    """Judges what the file does not have yet, and adds each portal to it as it is done."""
    found: dict[Wish, list[Judged]] = defaultdict(list)
    if path.exists():
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                wish = Wish(
                    int(row["leads"]),
                    float(row["effect"]),
                    date.fromisoformat(row["first_day"]),
                    int(row["seed"]),
                )
                found[wish].append(row)
    missing = [wish for wish in wishes if wish not in found]
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        if is_new:
            csv.writer(file).writerow(COLUMNS)
        for number, rows in enumerate(judge_all(compiled, missing, jobs), 1):
            # whole portals only, so that an interrupted run leaves nothing half-done
            text = StringIO()
            csv.DictWriter(text, COLUMNS).writerows(rows)
            file.write(text.getvalue())
            file.flush()
            found[missing[number - 1]] = rows
            if number % 10 == 0:
                click.echo(f"{number} of {len(missing)} portals", err=True)
    return [row for wish in wishes for row in found[wish]]


# -- what came out


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def by_metric(rows: list[Judged]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        found[row["metric_code"]].append(row)
    return dict(sorted(found.items()))


def share_of(rows: list[Judged], *statuses: str) -> float:
    return sum(row["status"] in statuses for row in rows) / len(rows)


def bound(portals: int) -> float:
    """The share of wrong calls that two standard errors of noise allow on top of 5 %."""
    return ALLOWED + 2 * math.sqrt(ALLOWED * (1 - ALLOWED) / portals)


def verdicts(rows: list[Judged]) -> Counter[str]:
    return Counter(row["verdict"] for row in rows if row["metric_code"] == ONE_ROW)


def width(rows: list[Judged]) -> str:
    """The standard error that the intervals claim, over the true spread of the changes."""
    changes = [float(row["change"]) for row in rows if row["change"] not in ("", None)]
    claimed = [
        (float(row["change_ci_high"]) - float(row["change_ci_low"])) / (2 * 1.96)
        for row in rows
        if row["change_ci_high"] not in ("", None)
    ]
    if len(changes) < 2 or not claimed or stdev(changes) == 0:
        return "-"
    return f"{mean(claimed) / stdev(changes):.2f}"


def mean_change(rows: list[Judged]) -> str:
    """How far the metric moves on average over portals."""
    known = [row for row in rows if row["change"] not in ("", None)]
    before = mean(float(row["before_value"]) for row in known)
    return f"{100 * mean(float(row['change']) for row in known) / before:+.0f} %"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_of_wrong_calls(rows: list[Judged]) -> str:
    lines = []
    for code, found in by_metric(rows).items():
        wrong = share_of(found, "better", "worse")
        lines.append(
            [
                code,
                percent(share_of(found, "better"), 1),
                percent(share_of(found, "worse"), 1),
                percent(wrong, 1),
                "yes" if wrong <= bound(len(found)) else "**no**",
                percent(share_of(found, "explained_by_trend"), 1),
                percent(share_of(found, "no_data"), 1),
                width(found),
            ]
        )
    lines.append(
        [
            "**all**",
            percent(share_of(rows, "better"), 1),
            percent(share_of(rows, "worse"), 1),
            percent(share_of(rows, "better", "worse"), 1),
            "yes" if share_of(rows, "better", "worse") <= ALLOWED else "**no**",
            percent(share_of(rows, "explained_by_trend"), 1),
            percent(share_of(rows, "no_data"), 1),
            "",
        ]
    )
    header = ["metric", "better", "worse", "wrong", "within", "by trend", "no data", "width"]
    return table(header, lines)


def table_of_verdicts(named: dict[str, list[Judged]]) -> str:
    kinds = ("pays_off", "eats_the_budget", "no_effect", "cannot_tell_yet", "not_enough_data")
    lines = []
    for name, rows in named.items():
        counts = verdicts(rows)
        total = sum(counts.values())
        lines.append([name, str(total), *(percent(counts[kind], total) for kind in kinds)])
    return table(["portals", "number", *(f"`{kind}`" for kind in kinds)], lines)


def page(
    null: list[Judged],
    young: list[Judged],
    planted: dict[float, list[Judged]],
    leads: int,
    mark: str,
) -> str:
    """The text of docs/calibration.md."""
    portals = sum(verdicts(null).values())
    effects = " / ".join(str(sum(verdicts(rows).values())) for rows in planted.values())
    lucky = verdicts(null)["pays_off"]
    # Clopper and Pearson, one-sided
    at_most = beta.ppf(0.95, lucky + 1, portals - lucky) if lucky < portals else 1.0
    most = by_metric(planted[max(planted)])
    power = [
        [
            code,
            *(percent(share_of(by_metric(rows)[code], "better"), 1) for rows in planted.values()),
            mean_change(most[code]),
        ]
        for code in by_metric(null)
    ]
    named = {"no effect": null, "no effect, young": young} | {
        f"effect {effect:g}": rows for effect, rows in planted.items()
    }
    return f"""# Calibration of the scorecard

Written by `make calibrate` (`benchmarks/calibration.py`); do not edit by hand. Models and
generator: `{mark}`.

How often does the scorecard say *better* or *worse* where nothing changed, and how often does it
see a change that is there? Each portal is made by the generator of the demo portal with a seed of
its own and judged by the compiled SQL of this project, in memory. Costs and exchange rates are
constant, and so is the register of processes where there is no effect. A portal has {leads:,} leads
from {LONG_AGO:%B %Y} to October 2026, {leads / 54:.0f} a month; the go-live is on 1 May 2025.

![Wrong calls and power](calibration.svg)

## Portals in which nothing changed

{portals} portals. 95 % intervals allow 5 % of wrong calls; with two standard errors of noise that
is {percent(bound(portals), 1)} for a metric over so many portals (`within`). *By trend* are changes
that the scorecard put down to a trend from before the go-live, *width* is the standard error that
the intervals claim over the true spread of the changes: 1 is exact, more is cautious.

{table_of_wrong_calls(null)}

The verdict `pays_off` came up {lucky} times in {portals}:
with 95 % confidence its rate is at most {percent(at_most, 1)}.

## Young portals in which nothing changed

The same, but the history begins in {LATELY:%B %Y}, half a year before the window *before*: the
number of clients still grows, and with it all that depends on it. Such drift is no work of chance;
the table shows what it does to a comparison ({sum(verdicts(young).values())} portals).

{table_of_wrong_calls(young)}

## Portals with a planted effect: power

The share of portals in which a metric was called better, by the share of the demo portal's effect
that was planted (`crm-effect demo --effect`), over {effects} portals each. The last column says how
far the metric moves with the whole effect, in the mean over these portals; half an effect moves a
metric about half as far. Deal sizes do not change, nor do costs.

{table(["metric", *(f"effect {effect:g}" for effect in planted), "mean change at 1"], power)}

A metric that few events stand behind (cost of acquisition, loyalty at a few dozen clients) needs a
larger portal or more time: the scorecard then says *not distinguishable*, never a guess.

## Verdicts

{table_of_verdicts(named)}

## To run it again

`make calibrate` judges what is not in `target/calibration/` yet, so that it can be interrupted; a
change of the models or of the generator begins anew. `make calibrate CALIBRATE="--null 100 --jobs
2"` is quicker. A small sample of it is a test: `tests/effect/test_calibration.py`.
"""


def plot(null: list[Judged], planted: dict[float, list[Judged]]) -> str:
    """Bars of wrong calls on the left, of power on the right, as SVG."""
    codes = list(by_metric(null))
    row_height, left, wide, gap = 34, 150, 300, 60
    top, height = 50, 50 + row_height * len(codes) + 40
    colours = ("#bcd4e6", "#6fa3c8", "#1f5f8b")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + 2 * wide + gap + 40} '
        f'{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20" font-weight="bold">Wrong calls where nothing changed</text>',
        f'<text x="{left + wide + gap}" y="20" font-weight="bold">Called better, by planted '
        "effect</text>",
    ]

    def bar(x: float, y: float, length: float, thick: float, colour: str) -> None:
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(length, 0.5):.1f}" height="{thick:.1f}" '
            f'fill="{colour}"/>'
        )

    # the left axis ends at 15 %
    scale = wide / 0.15
    limit = bound(sum(verdicts(null).values()))
    for value, name in ((ALLOWED, "5 %"), (limit, "+ noise")):
        x = left + value * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{height - 30}" stroke="#b03a2e" '
            'stroke-dasharray="4 3"/>'
            f'<text x="{x:.1f}" y="{height - 14}" text-anchor="middle" fill="#b03a2e">{name}</text>'
        )
    for place, code in enumerate(codes):
        y = top + row_height * place
        parts.append(f'<text x="{left - 8}" y="{y + 18}" text-anchor="end">{code}</text>')
        wrong = share_of(by_metric(null)[code], "better", "worse")
        bar(left, y + 6, min(wrong, 0.15) * scale, 16, "#7f8c8d")
        parts.append(
            f'<text x="{left + min(wrong, 0.15) * scale + 4:.1f}" y="{y + 18}">'
            f"{100 * wrong:.1f}</text>"
        )
        for number, (effect, colour) in enumerate(zip(planted, colours, strict=False)):
            power = share_of(by_metric(planted[effect])[code], "better")
            bar(left + wide + gap, y + 2 + 9 * number, power * wide, 8, colour)
    for number, (effect, colour) in enumerate(zip(planted, colours, strict=False)):
        x = left + wide + gap + 90 * number
        bar(x, height - 24, 12, 12, colour)
        parts.append(f'<text x="{x + 16}" y="{height - 14}">effect {effect:g}</text>')
    return "\n".join([*parts, "</svg>", ""])


@click.command()
@click.option("--null", "null", default=500, show_default=True, help="Portals without effect.")
@click.option("--planted", default=60, show_default=True, help="Portals of each planted effect.")
@click.option("--young", default=100, show_default=True, help="Young portals without effect.")
@click.option("--leads", default=2000, show_default=True, help="Leads of a portal.")
@click.option("--jobs", default=1, show_default=True, help="Portals at a time.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    default=REPOSITORY / "target/calibration",
    help="Folder of what is judged already.",
)
@click.option("--docs", type=click.Path(path_type=Path), default=REPOSITORY / "docs")
def main(
    null: int, planted: int, young: int, leads: int, jobs: int, checkpoint: Path, docs: Path
) -> None:
    """Judge generated portals and write docs/calibration.md."""
    with TemporaryDirectory() as folder:
        compiled = compile_project(Path(folder), {"crm_go_live_date": GO_LIVE}, wanted=WANTED)
    mark = fingerprint(compiled)
    path = checkpoint / f"{mark}.csv"
    # a young portal has as many leads a month
    few = round(leads * 36 / 54)

    def judged(number: int, effect: float, first_day: date, size: int) -> list[Judged]:
        wishes = [Wish(size, effect, first_day, seed) for seed in range(1, number + 1)]
        return with_checkpoint(compiled, wishes, jobs, path)

    of_effects = {effect: judged(planted, effect, LONG_AGO, leads) for effect in EFFECTS}
    of_young = judged(young, 0.0, LATELY, few)
    of_null = judged(null, 0.0, LONG_AGO, leads)
    docs.mkdir(parents=True, exist_ok=True)
    text = page(of_null, of_young, of_effects, leads, mark)
    (docs / "calibration.md").write_text(text, "utf-8")
    (docs / "calibration.svg").write_text(plot(of_null, of_effects), "utf-8")


if __name__ == "__main__":
    main()
