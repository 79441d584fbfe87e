"""The marts are a function of the rows: neither their order nor the number of threads matters."""

from pathlib import Path

import duckdb

from bitrix24_effectiveness.demo import GO_LIVE, generate, seed_files
from compare_engines import mart_keys
from harness import MARTS, compile_project, seed_rows
from portals import Case
from running import REPOSITORY, long

LEADS = 20_000


def shuffled(raw: Path) -> Path:
    """A copy of the raw tables whose rows lie in another order."""
    copy = raw.with_name("shuffled.duckdb")
    with duckdb.connect(str(copy)) as connection:
        connection.execute(f"attach '{raw}' as raw (read_only); create schema bitrix24")
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'raw' "
            "and schema_name = 'bitrix24'"
        ).fetchall():
            connection.execute(
                f"create table bitrix24.{table} as from raw.bitrix24.{table} as t order by hash(t)"
            )
    return copy


@long
def test_shuffled_rows_and_four_threads_give_the_same_marts(tmp_path: Path) -> None:
    raw = tmp_path / "raw.duckdb"
    generate(raw, leads=LEADS)
    seeds = {
        name: [
            {column: value or None for column, value in row.items()}
            for row in seed_rows(path.parent, name)
        ]
        for name, path in seed_files(REPOSITORY).items()
    }
    variables = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": 0.35}
    marts = tuple(mart_keys())
    compiled = compile_project(tmp_path, variables, wanted=marts)
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, portal, threads in ((first, raw, 1), (second, shuffled(raw), 4)):
        with compiled.run(Case({}, seeds), raw=portal, threads=threads) as connection:
            folder.mkdir()
            for mart in marts:
                connection.execute(f"copy {MARTS}.{mart} to '{folder / mart}.parquet'")
    with duckdb.connect() as connection:
        different = [
            mart
            for mart in marts
            if connection.execute(
                f"from '{first / mart}.parquet' except all from '{second / mart}.parquet' limit 1"
            ).fetchall()
        ]
    assert different == []
