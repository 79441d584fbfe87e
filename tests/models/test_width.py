"""A portal of thousands of members is built in little memory, however few its rows are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from compare_engines import mart_keys
from harness import Compiled, Node, build_model, compile_project
from running import long
from wide_portal import Width, write_wide_portal

MEMORY = "1GB"
# What was asked for takes minutes: `WIDE_PORTAL=1 pytest`. A tenth of it takes seconds.
WHOLE = Width(employees=3000, sources=3000, pipelines=5000, years=20, huge_texts=100)
SAMPLE = Width(employees=300, sources=300, pipelines=500, years=5, huge_texts=30)
# a join by a key makes no more rows than it reads; a few columns at a time are turned into rows
STEP_PER_ROWS = 4
# days are counted from a series of this length, whatever the portal
SERIES_OF_DAYS = 65_536


@pytest.fixture(scope="module")
def every_mart(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compile_project(tmp_path_factory.mktemp("compiled"), {}, wanted=tuple(mart_keys()))


@long
def test_no_model_of_a_wide_portal_takes_more_than_a_gigabyte(
    every_mart: Compiled, tmp_path: Path
) -> None:
    width = WHOLE if "WIDE_PORTAL" in os.environ else SAMPLE
    write_wide_portal(tmp_path / "raw.duckdb", width)
    with duckdb.connect() as connection:
        prepared(connection, every_mart, tmp_path)
        sizes: list[int] = []
        wide = {}
        for model in every_mart.models:
            steps = rows_of_steps(connection, model)
            largest = max([*sizes, SERIES_OF_DAYS])
            if model.materialized == "table":
                [(size,)] = connection.sql(f"select count(*) from {model.relation}").fetchall()
                sizes.append(size)
                if steps > STEP_PER_ROWS * max(size, largest):
                    wide[model.name] = (steps, size)
        cells = width.employees * width.years * 12
        assert max(sizes) > cells, "the portal is not as wide as it was meant to be"
        assert wide == {}, "a step makes far more rows than any table has"


def prepared(connection: duckdb.DuckDBPyConnection, compiled: Compiled, folder: Path) -> None:
    """Attaches the portal and an empty warehouse on disk; what is over the limit is spilled."""
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set threads = 2")
    connection.execute(f"set memory_limit = '{MEMORY}'")
    connection.execute(f"set temp_directory = '{folder / 'spilled'}'")
    connection.execute("pragma enable_profiling = 'no_output'")
    for database in compiled.databases:
        readonly = " (read_only)" if database == "raw" else ""
        connection.execute(f"attach '{folder / database}.duckdb' as \"{database}\"{readonly}")
    for schema in {node.schema for node in [*compiled.models, *compiled.seeds.values()]}:
        connection.execute(f"create schema if not exists {schema}")
    for name, seed in compiled.seeds.items():
        connection.execute(
            f"create table {seed.relation} as "
            f"select * from read_csv(?, header = true, types = {seed.columns})",
            [str(compiled.seed_paths[name])],
        )


def rows_of_steps(connection: duckdb.DuckDBPyConnection, model: Node) -> int:
    """Builds a model; gives how many rows its most laborious step makes."""
    build_model(connection, model)
    text = connection.get_profiling_information("json")
    return max(_cardinalities(json.loads(text)), default=0)


def _cardinalities(operator: dict[str, Any]) -> Iterator[int]:
    yield operator.get("operator_cardinality", 0)
    for child in operator.get("children", []):
        yield from _cardinalities(child)
