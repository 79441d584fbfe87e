"""How often the scorecard is wrong where nothing changed, and how often it sees what did.

``make calibrate`` makes hundreds of portals, judges each by the compiled SQL of the project, and
writes ``docs/calibration.md``. It is a script of the tests and no part
of the package: it shows that the method holds, which nobody needs in order to use it.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

import click
import duckdb
from scipy.stats import beta

import quiet_portals
from bitrix24_effectiveness.demo import generator
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
from interval_alone import Cell, cells
from quiet_portals import SHAPES

WANTED = ("crm_scorecard", "crm_verdict", "crm_roi")
# without a margin nothing is paid back
MARGIN = 0.4
EFFECTS = (0.25, 0.5, 1.0)
# two years of history before the window before, so that the clients of the first day do not matter
LONG_AGO = date(2022, 5, 1)
# the history of the demo portal begins half a year before that window
LATELY = generator.FIRST_DAY
# shapes of which very large portals are made as well
LARGEST = ("plain", "months_hang_together")
# a week or two at forty leads a month
SCATTER = 30.0
# portals of a cell of the interval by itself
INTERVALS = 4000
# what 95 % intervals allow
ALLOWED = 0.05
# every portal has a row of it: verdicts are counted by these
ONE_ROW = "conversion"

COLUMNS = (
    "leads", "effect", "first_day", "seed", "verdict", "families_better", "families_worse",
    "metric_code", "status", "before_value", "after_value", "change", "change_ci_low",
    "change_ci_high", "before_n", "after_n", "is_able_to_tell", "has_vote", "shape",
    "payback_month",
)  # fmt: skip

Judged = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """A portal to be judged: its leads, the share of the planted effect, the generator's seed."""

    leads: int
    effect: float
    first_day: date
    seed: int
    shape: str = "plain"


def wish_of(shape: str, leads_a_month: int, seed: int, effect: float = 0.0) -> Wish:
    """A portal of a shape, with the history that the shape asks for."""
    first_day = SHAPES[shape].first_day or LATELY
    months = (2026 - first_day.year) * 12 + 11 - first_day.month
    return Wish(leads_a_month * months, effect, first_day, seed, shape)


def demo_rows(name: str) -> list[dict[str, str]]:
    """A seed of the demo company, or what the project ships where the company has none."""
    own = Path(generator.__file__).parent / "seeds"
    return seed_rows(own if (own / f"{name}.csv").exists() else REPOSITORY / "seeds", name)


def seeds_of(wish: Wish) -> dict[str, list[dict[str, str]]]:
    """Costs and rates of exchange that know nothing of the go-live, and processes that do.

    Of the processes that the demo portal automates after the go-live, the share `effect` is. The
    CRM costs next to nothing, so that a quiet portal neither gains nor loses by it.
    """
    shape = SHAPES[wish.shape]
    months = (2026 - wish.first_day.year) * 12 + 11 - wish.first_day.month
    # a lead costs as much in a large portal as in a small one
    size = wish.leads / months / 40
    costs = [("crm", "", "2025-05-01", "2025-05-31", 1000 * size)]
    for year in range(LONG_AGO.year, 2027):
        price = 1.09 ** (year - LONG_AGO.year) if shape.has_prices else 1.0
        costs += [
            (kind, channel, f"{year}-01-01", f"{year}-12-31", amount * size * price)
            for kind, channel, amount in (
                ("marketing", "advertising", 840_000),
                ("marketing", "website", 360_000),
                ("salary", "", 1_440_000),
            )
        ]
    effect = 1.0 if shape.has_register else wish.effect
    processes = demo_rows("business_processes")
    since = [process for process in processes if process["automated_from"] >= "2025-05-01"]
    for process in since[round(effect * len(since)) :]:
        process["automated_from"] = ""
    return {
        "costs": [
            {
                "cost_id": str(number),
                "cost_type": kind,
                "channel": channel,
                "date_from": date_from,
                "date_to": date_to,
                "amount": f"{amount:.2f}",
                "currency": "RUB",
            }
            for number, (kind, channel, date_from, date_to, amount) in enumerate(costs, 1)
        ],
        "business_processes": processes,
        "exchange_rates": [],
        "manual_baseline": [],
        "price_index": [],
        # a change of 20 % is looked for
        "goals": [],
    }


def run(
    compiled: Compiled,
    wish: Wish,
    changes: tuple[str, ...] = (),
    given: dict[str, list[dict[str, str]]] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A portal of the generator with all wanted models built, in memory.

    The changes are statements that do to its raw tables (schema `bitrix24`) what companies do.
    Seeds that are given take the place of `seeds_of` and of the demo's.
    """
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set threads = 1")
    for database in compiled.databases:
        connection.execute(f"attach ':memory:' as \"{database}\"")
    connection.execute("use raw")
    generator.write(connection, wish.leads, wish.seed, wish.effect, wish.first_day, SCATTER)
    for change in (*SHAPES[wish.shape].changes(wish.seed), *changes):
        connection.execute(change)
    for schema in {node.schema for node in [*compiled.models, *compiled.seeds.values()]}:
        connection.execute(f"create schema if not exists {schema}")
    given = seeds_of(wish) if given is None else given
    for name, node in compiled.seeds.items():
        rows = given[name] if name in given else demo_rows(name)
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
        paybacks = [row["payback_month"] for row in rows_of(connection, f"{MARTS}.crm_roi")]
    told = asdict(wish) | verdict | {"payback_month": next(iter(paybacks), None)}
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
    """Of all that a judgement depends on: models, seeds and the generator, comments aside."""
    digest = sha256()
    for model in compiled.models:
        digest.update(re.sub("--.*", "", model.sql).encode())
    generated = Path(generator.__file__).parent
    shapes = Path(quiet_portals.__file__)
    for path in sorted([*compiled.seed_paths.values(), *generated.rglob("*.sql"), shapes]):
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
                    row["shape"],
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


def paid_back(rows: list[Judged]) -> int:
    return sum(
        row["payback_month"] not in (None, "") for row in rows if row["metric_code"] == ONE_ROW
    )


def at_most(found: int, of: int) -> float:
    """The highest rate that so few finds allow, with 95 % confidence (Clopper and Pearson)."""
    return 1.0 if found == of else float(beta.ppf(0.95, found + 1, of - found))


def voting(rows: list[Judged]) -> list[Judged]:
    """Lines with an interval: what the company says itself is neither right nor wrong."""
    return [row for row in rows if str(row["has_vote"]) == "True"]


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def table_of_shapes(cells: dict[tuple[str, int], list[Judged]]) -> str:
    lines = []
    for (shape, size), rows in cells.items():
        portals = sum(verdicts(rows).values())
        judged = voting(rows)
        wrong = [row for row in judged if row["status"] in ("better", "worse")]
        worst = Counter(row["metric_code"] for row in wrong).most_common(2)
        counts = verdicts(rows)
        lines.append(
            [
                SHAPES[shape].title,
                str(size),
                str(portals),
                percent(len(wrong), len(judged)),
                ", ".join(f"{code} {number}" for code, number in worst) or "-",
                percent(share_of(rows, "not_comparable"), 1),
                str(counts["pays_off"]),
                str(counts["eats_the_budget"]),
                str(paid_back(rows)),
            ]
        )
    header = [
        "what was done", "leads a month", "portals", "lines wrong", "most often (portals)",
        "not comparable", "`pays_off`", "`eats_the_budget`", "paid back",
    ]  # fmt: skip
    return table(header, lines)


def table_of_metrics(cells: dict[tuple[str, int], list[Judged]], shapes: tuple[str, ...]) -> str:
    chosen = {key: by_metric(rows) for key, rows in cells.items() if key[0] in shapes}
    lines = []
    for code in next(iter(chosen.values())):
        line = [code]
        for metrics in chosen.values():
            judged = voting(metrics[code])
            wrong = sum(row["status"] in ("better", "worse") for row in judged)
            line.append(f"{wrong} of {len(judged)}")
        lines.append(line)
    header = ["metric", *(f"{SHAPES[shape].title}, {size}" for shape, size in chosen)]
    return table(header, lines)


def table_of_power(cells: dict[tuple[float, int], list[Judged]]) -> str:
    lines = []
    for code in by_metric(next(iter(cells.values()))):
        line = [code]
        for rows in cells.values():
            found = by_metric(rows)[code]
            seen = sum(row["status"] == "better" for row in found)
            line.append(f"{seen} of {len(found)}")
        moved = [
            float(row["change"]) / float(row["before_value"])
            for row in by_metric(list(cells.values())[-1])[code]
            if row["change"] not in ("", None) and float(row["before_value"] or 0)
        ]
        line.append(f"{100 * mean(moved):+.0f} %" if moved else "-")
        lines.append(line)
    header = ["metric", *(f"effect {effect:g}, {size}" for effect, size in cells), "mean change"]
    return table(header, lines)


def able_and_seen(cells: dict[tuple[float, int], list[Judged]]) -> str:
    """Of lines that could tell a change of 20 % and had a larger one, how many saw it."""
    seen = of = 0
    for rows in cells.values():
        for found in by_metric(rows).values():
            moved = [
                abs(float(row["change"]) / float(row["before_value"]))
                for row in found
                if row["change"] not in ("", None) and float(row["before_value"] or 0)
            ]
            if not moved or mean(moved) < 0.2:
                continue
            able = [row for row in voting(found) if str(row["is_able_to_tell"]) == "True"]
            of += len(able)
            seen += sum(row["status"] == "better" for row in able)
    return f"{seen} of {of}"


def table_of_intervals(found: dict[tuple[str, int], Cell]) -> str:
    header = [
        "months", "leads a month", "nothing changed: called changed", "risen: told",
        "risen: `is_able_to_tell`", "of these told", "risen: `months_to_tell` given early",
        "of these told by then",
    ]  # fmt: skip
    lines = []
    for (kind, leads), cell in found.items():
        shares = (
            cell.called_changed, cell.told, cell.able, cell.told_when_able, cell.promised,
            cell.told_when_promised,
        )  # fmt: skip
        told = ["-" if share is None else percent(share, 1) for share in shares]
        lines.append([kind, str(leads), *told])
    return table(header, lines)


def page(
    quiet: dict[tuple[str, int], list[Judged]],
    planted: dict[tuple[float, int], list[Judged]],
    intervals: dict[tuple[str, int], Cell],
    mark: str,
) -> str:
    """The text of docs/calibration.md."""
    rows = [row for found in quiet.values() for row in found]
    portals = sum(verdicts(rows).values())
    lucky, paid = verdicts(rows)["pays_off"], paid_back(rows)
    named = {
        f"effect {effect:g}, {size} a month": found for (effect, size), found in planted.items()
    }
    kinds = ("pays_off", "eats_the_budget", "no_effect", "cannot_tell_yet", "not_enough_data")
    told = [
        [name, str(sum(verdicts(found).values())), *(str(verdicts(found)[kind]) for kind in kinds)]
        for name, found in named.items()
    ]
    return f"""# Calibration of the scorecard

Written by `make calibrate` (`benchmarks/calibration.py`); do not edit by hand. Models, generator
and shapes: `{mark}`.

How often does the scorecard say *better* or *worse* where nothing changed, and how often does it
see a change that is there? Each portal is made by the generator of the demo portal with a seed of
its own, gets the shape that reality gives portals (`benchmarks/quiet_portals.py`), and is judged by
the compiled SQL of this project. The go-live is on 1 May 2025, the data begin in
{LATELY:%B %Y} where the shape says nothing else and end with October 2026, the gross margin is
{MARGIN:g}, and the CRM costs next to nothing. There is no `price_index`, as in most companies.

**How sure these figures are**: where of a hundred portals none is wrong, the true rate may still be
{percent(at_most(0, 100), 1)}, where of four {percent(at_most(0, 4), 1)} (95 % confidence). Cells
have as many portals as the column says: large ones take long, and show only what is far off.
All shapes are made of the same seeds: what is chance in one is there in the others as well.

## The interval by itself

{INTERVALS:,} portals a cell, drawn from known distributions (`benchmarks/interval_alone.py`):
twelve months on either side, conversion 12 % and, where it is said to have risen, 14.4 %. The
interval is the oracle's, which equals the models' own.

{table_of_intervals(intervals)}

`months_to_tell` is reckoned from how months have differed so far, here with three months after
go-live and nothing told yet. It comes out too short: it is given where the months seen so far
happen to be alike, and where chance has hidden the change until then. So the page says *not
before*. A change as large as the one that is looked for may still be told later, or never.

## Portals in which nothing changed

*Lines wrong*: of the lines with an interval, those called better or worse; 95 % allow 5 %.

{table_of_shapes(quiet)}

`pays_off` came up {lucky} times in {portals} portals: with 95 % confidence its rate is at most
{percent(at_most(lucky, portals), 1)}. A payback month was given {paid} times (at most
{percent(at_most(paid, portals), 1)}).

By metric, of the portals in which it could be compared:

{table_of_metrics(quiet, ("plain", "months_differ", "months_hang_together"))}

## Portals with a planted effect: power

The portals in which a metric was called better, by the share of the demo portal's effect that was
planted (`crm-effect demo --effect`) and by leads a month; last, how far the metric moves with the
largest effect. Deal sizes do not change, nor do costs.

{table_of_power(planted)}

Where the scorecard says that a change of 20 % could be told (`is_able_to_tell`: in 80 % of cases)
and the planted one is larger in the mean, it was told in {able_and_seen(planted)} lines.

A metric that few events stand behind (cost of acquisition, loyalty at a few dozen clients, the
sales cycle, of which only months half a year old can be compared) needs a larger portal or more
time: the scorecard then says *not distinguishable*, never a guess.

{table(["portals", "number", *(f"`{kind}`" for kind in kinds)], told)}

## What no comparison can see

Answers that are written down ever more often, but never less than four in five as often as later,
look like answers that come faster: the row *ever more answers written down* shows how often.

Where half again as many leads come a year and marketing costs what it did, a new client does cost
less: `cac` in the row *half again as many leads a year* changed, though not by the CRM. A year with
a season seldom shows such a trend; the scorecard calls the evidence weak.

## To run it again

`make calibrate` judges what is not in `target/calibration/` yet, so that it can be interrupted; a
change of the models, the generator or the shapes begins anew. `make calibrate
CALIBRATE="--small 100 --large 20 --jobs 2"` takes hours and gives narrower figures. A small sample
of it is a test: `tests/effect/test_calibration.py`.
"""


@click.command()
@click.option("--small", default=40, show_default=True, help="Portals a shape, 40 leads a month.")
@click.option("--large", default=10, show_default=True, help="Likewise, 300 leads a month.")
@click.option("--largest", default=3, show_default=True, help="Likewise, 1,000 leads a month.")
@click.option("--planted", default=20, show_default=True, help="Portals of each planted effect.")
@click.option("--jobs", default=1, show_default=True, help="Portals at a time.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    default=REPOSITORY / "target/calibration",
    help="Folder of what is judged already.",
)
@click.option("--docs", type=click.Path(path_type=Path), default=REPOSITORY / "docs")
def main(
    small: int, large: int, largest: int, planted: int, jobs: int, checkpoint: Path, docs: Path
) -> None:
    """Judge generated portals and write docs/calibration.md."""
    variables = {"crm_go_live_date": quiet_portals.GO_LIVE, "gross_margin_rate": MARGIN}
    with TemporaryDirectory() as folder:
        compiled = compile_project(Path(folder), variables, wanted=WANTED)
    mark = fingerprint(compiled)
    path = checkpoint / f"{mark}.csv"

    def judged(number: int, shape: str, size: int, effect: float = 0.0) -> list[Judged]:
        wishes = [wish_of(shape, size, seed, effect) for seed in range(1, number + 1)]
        return with_checkpoint(compiled, wishes, jobs, path)

    quiet = {(shape, 40): judged(small, shape, 40) for shape in SHAPES if small}
    quiet |= {(shape, 300): judged(large, shape, 300) for shape in SHAPES if large}
    quiet |= {(shape, 1000): judged(largest, shape, 1000) for shape in LARGEST if largest}
    of_effects = {
        (effect, size): judged(number, "plain", size, effect)
        for size, number in ((40, planted), (300, large))
        for effect in EFFECTS
        if number
    }
    docs.mkdir(parents=True, exist_ok=True)
    text = page(quiet, of_effects, cells(INTERVALS), mark)
    (docs / "calibration.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
