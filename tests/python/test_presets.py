"""Raw tables loaded in other ways give the same marts as those of the classic REST methods."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.demo import generate
from bitrix24_effectiveness.guard import check_raw_tables
from bitrix24_effectiveness.load_files import load_files
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from conftest import REPOSITORY
from corruptions.healthy import healthy_seeds
from harness import MARTS, _load, _type_of, compile_project, rows_of
from portal_shapes import (
    Portal,
    Row,
    bi_connector,
    universal_methods,
    without_what_bi_connector_lacks,
)
from portals import Case

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Marts = dict[str, list[Row]]
MART_NAMES = tuple(sorted(path.stem for path in REPOSITORY.glob("models/marts/**/*.sql")))


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    """The demo portal with its dirt, as far as every way of loading can deliver it."""
    path = tmp_path_factory.mktemp("portal") / "demo.duckdb"
    generate(path, leads=150, seed=1)
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        return without_what_bi_connector_lacks(
            {table: rows_of(connection, f"bitrix24.{table}") for (table,) in tables}
        )


@pytest.fixture(scope="module")
def expected(portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Marts:
    """The marts of the classic methods."""
    folder = tmp_path_factory.mktemp("rest")
    write_json(folder, portal)
    return marts_of(folder, "rest")


def write_json(folder: Path, portal: Portal) -> None:
    for table, rows in portal.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{table}.jsonl").write_text("\n".join(lines), "utf-8")


def write_parquet(folder: Path, portal: Portal) -> None:
    with duckdb.connect() as connection:
        for table, rows in portal.items():
            types = {column: _type_of(rows, column) for column in rows[0]}
            _load(connection, f'"{table}"', types, rows)
            connection.execute(f"copy \"{table}\" to '{folder / table}.parquet'")


def marts_of(folder: Path, preset: str) -> Marts:
    """Loads the files of a folder, judges them and builds every mart from them."""
    given = {"raw_preset": preset}
    project = Project(REPOSITORY, given, {"CRM_RAW_DB": str(folder / "raw.duckdb")})
    preflight.check_vars(project)
    load_files(project, folder, project.raw_db, Log("text"))
    preflight.check_raw(project)
    findings = check_raw_tables(project, NOW, {})
    assert [f for f in findings if f.stops] == []
    compiled = compile_project(folder, given, wanted=MART_NAMES)
    with compiled.run(Case({}, healthy_seeds()), raw=project.raw_db) as connection:
        return {
            name: sorted(rows_of(connection, f"{MARTS}.{name}"), key=str) for name in MART_NAMES
        }


def assert_same_marts(got: Marts, expected: Marts) -> None:
    for marts in (got, expected):
        for row in marts["rejected_rows"]:
            # shows the row as it was delivered
            row["raw_row"] = None
    for name in MART_NAMES:
        assert got[name] == expected[name], name


def test_universal_methods_give_the_marts_of_the_classic_ones(
    portal: Portal, expected: Marts, tmp_path: Path
):
    write_json(tmp_path, universal_methods(portal))
    assert_same_marts(marts_of(tmp_path, "crm_item"), expected)


def test_bi_connector_gives_the_marts_of_rest(portal: Portal, expected: Marts, tmp_path: Path):
    write_parquet(tmp_path, bi_connector(portal))
    assert_same_marts(marts_of(tmp_path, "bi_connector"), expected)
