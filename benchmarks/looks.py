"""How often a portal in which nothing changed is ever called changed, when it is looked at monthly.

An interval at 95 % holds for one look. Who looks every month until the window after go-live is full
has more chances to be misled: this says how many more. `python benchmarks/looks.py` (PYTHONPATH as
in the Makefile) writes ``docs/looks.md``; the scorecard calls such statuses preliminary.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

import quiet_portals
from calibration import MARGIN, REPOSITORY, WANTED, Judged, judge, percent, table, voting, wish_of
from harness import Compiled, compile_project
from quiet_portals import SHAPES

# ramp-up ends with May 2025, three months are compared at least, and twelve are all
LOOKS = tuple(f"{2025 + month // 12}-{month % 12 + 1:02}-01" for month in range(8, 18))
LOOKED_AT = ("plain", "months_hang_together")


def compiled_for(folder: Path) -> dict[str, Compiled]:
    """The models as they are of the first day of each month that somebody looks."""
    found = {}
    for day in LOOKS:
        variables = {
            "crm_go_live_date": quiet_portals.GO_LIVE,
            "gross_margin_rate": MARGIN,
            "as_of": f"{day}T00:00:00",
        }
        found[day] = compile_project(folder, variables, wanted=WANTED)
    return found


def is_changed(row: Judged) -> bool:
    return row["status"] in ("better", "worse")


def looked_at(compiled: dict[str, Compiled], shape: str, seed: int) -> dict[str, list[Judged]]:
    """The lines with a vote of each look at one quiet portal of 40 leads a month."""
    wish = wish_of(shape, 40, seed)
    return {day: voting(judge(models, wish)) for day, models in compiled.items()}


def row_of(portals: list[dict[str, list[Judged]]], shape: str) -> list[str]:
    """What one look says, and what all of them together ever say."""
    lines = [row for portal in portals for rows in portal.values() for row in rows]
    last = [row for portal in portals for row in portal[LOOKS[-1]]]
    ever: dict[tuple[int, str], bool] = defaultdict(bool)
    for number, portal in enumerate(portals):
        for rows in portal.values():
            for row in rows:
                ever[number, row["metric_code"]] |= is_changed(row)
    paying = sum(
        any(row["verdict"] == "pays_off" for rows in portal.values() for row in rows)
        for portal in portals
    )
    return [
        SHAPES[shape].title,
        str(len(portals)),
        percent(sum(map(is_changed, lines)), len(lines)),
        percent(sum(map(is_changed, last)), len(last)),
        percent(sum(ever.values()), len(ever)),
        str(paying),
    ]


@click.command()
@click.option("--portals", default=20, show_default=True, help="Portals of each shape.")
@click.option("--docs", type=click.Path(path_type=Path), default=REPOSITORY / "docs")
def main(portals: int, docs: Path) -> None:
    """Look at quiet portals every month and write docs/looks.md."""
    with TemporaryDirectory() as folder:
        compiled = compiled_for(Path(folder))
    rows = []
    for shape in LOOKED_AT:
        found = []
        for seed in range(1, portals + 1):
            found.append(looked_at(compiled, shape, seed))
            click.echo(f"{shape}: {seed} of {portals} portals", err=True)
        rows.append(row_of(found, shape))
    header = [
        "what was done", "portals", "lines wrong, any look", "lines wrong, last look",
        "lines ever wrong", "ever `pays_off`",
    ]  # fmt: skip
    (docs / "looks.md").write_text(
        f"""# Looking every month

Written by `benchmarks/looks.py`; do not edit by hand.

Portals of 40 leads a month in which nothing changed, made as for [calibration](calibration.md), are
judged on the first day of {len(LOOKS)} months, from {LOOKS[0]} to {LOOKS[-1]}: as somebody does who
looks every month from the first comparison on until `comparison_months` (12) are complete. A line
is a metric of a portal; *ever wrong* is one that was called better or worse at one look at least.

{table(header, rows)}

One look is wrong as often as its interval allows. A line that is looked at {len(LOOKS)} times is
wrong at some time more often: so long the scorecard calls its statuses preliminary
(`is_preliminary`), and the page says until when.
""",
        "utf-8",
    )


if __name__ == "__main__":
    main()
