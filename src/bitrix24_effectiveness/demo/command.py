"""Command line of the demo portal."""

from pathlib import Path
from typing import Any

import click

from ..duckdb_file import DEMO_PORTAL, check_replaceable
from ..warehouse import warehouse_of
from .company import write_seeds
from .generator import DEFAULT_EFFECT, DEFAULT_LEADS, DEFAULT_SEED, generate


@click.command("demo")
@click.option(
    "--leads",
    type=click.IntRange(min=1),
    default=DEFAULT_LEADS,
    show_default=True,
    help="Number of leads; about eight activities come with each.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**31 - 1),
    default=DEFAULT_SEED,
    show_default=True,
    help="The same seed and number of leads give the same rows.",
)
@click.option(
    "--effect",
    type=click.FloatRange(0, 1),
    default=DEFAULT_EFFECT,
    show_default=True,
    help="Share of the planted effect of the go-live: with 0 there is none.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="DuckDB file to write; the planted truth goes beside it. By default the raw database "
    "(CRM_RAW_DB), with another CRM_TARGET its raw schema. Only a demo portal is replaced.",
)
@click.pass_obj
def demo(run: Any, leads: int, seed: int, effect: float, out: Path | None) -> None:
    """Write a demo portal: the raw tables of Bitrix24 with a known effect.

    Beside the warehouse comes the folder demo_seeds: costs, processes and exchange rates of the
    made-up company. They and its go-live, 2025-05-01, are used with this portal only.
    """
    project = run.project
    if out is None:
        warehouse = warehouse_of(project)
        with warehouse.new_raw_tables(may_replace=False) as file:
            counts = generate(file, leads, seed, effect)
        where = f"{warehouse.raw_source}, schema {project.raw_schema}"
    else:
        instead = "name another file, or move this one away"
        check_replaceable(out, DEMO_PORTAL, "a demo portal", instead)
        counts = generate(out, leads, seed, effect)
        where = str(out)
    folder = write_seeds(project)
    click.echo(
        f"demo portal: {counts['crm_lead']:,} leads, {counts['crm_deal']:,} deals, "
        f"{counts['crm_activity']:,} activities -> {where}\n"
        f"its company's reference data: {folder} (crm-effect uses it with this portal by itself)"
    )
