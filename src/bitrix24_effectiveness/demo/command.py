"""Command line of the demo portal."""

from pathlib import Path

import click

from .generator import DEFAULT_EFFECT, DEFAULT_LEADS, DEFAULT_SEED, generate


@click.command("demo")
@click.option(
    "--leads",
    type=click.IntRange(min=1),
    default=DEFAULT_LEADS,
    show_default=True,
    help="Number of leads; about ten activities come with each.",
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
    default=Path("data/raw.duckdb"),
    show_default=True,
    help="DuckDB file to write; the planted truth goes beside it.",
)
def demo(leads: int, seed: int, effect: float, out: Path) -> None:
    """Write a demo portal: the raw tables of Bitrix24 with a known effect."""
    counts = generate(out, leads, seed, effect)
    click.echo(
        f"demo portal: {counts['crm_lead']:,} leads, {counts['crm_deal']:,} deals, "
        f"{counts['crm_activity']:,} activities -> {out}"
    )
