"""The comparison of engines finds what differs, and nothing else."""

from pathlib import Path

import duckdb
import pytest

from compare_engines import differences, duckdb_reader, mart_keys


@pytest.fixture
def difference(tmp_path: Path):
    """Compares a table of one column `value` and the key `k` as two select lists give it."""

    def compare(first: str, second: str) -> list[str]:
        readers = []
        for name, rows in (("first", first), ("second", second)):
            path = tmp_path / f"{name}.duckdb"
            path.unlink(missing_ok=True)
            with duckdb.connect(str(path)) as connection:
                connection.execute("create schema marts")
                connection.execute(f"create table marts.t as {rows}")
            readers.append(duckdb_reader(str(path)))
        return list(differences(*readers, {"t": "k"}))

    return compare


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("1::decimal(28,6)", "1.000001::decimal(28,6)"),
        ("9007199254740993::bigint", "9007199254740992::bigint"),
        ("1::double", "(1 + 2e-9)::double"),
        ("null", "0"),
        ("timestamp '2024-01-01 00:00:00'", "timestamp '2024-01-01 00:00:00.000001'"),
        ("'a'", "'b'"),
    ],
)
def test_another_value(difference, value, other):
    found = difference(f"select 'x' as k, {value} as value", f"select 'x' as k, {other} as value")
    assert len(found) == 1
    assert found[0].startswith("t x, value: ")


@pytest.mark.parametrize("value", ["1::decimal(28,6)", "null::double", "date '2024-01-01'"])
def test_no_difference(difference, value):
    rows = f"select 'x' as k, {value} as value"
    assert difference(rows, rows) == []


def test_sums_of_doubles_in_another_order(difference):
    assert difference(
        "select 'x' as k, 0.1::double + 0.2::double as value", "select 'x' as k, 0.3::double"
        " as value",
    ) == []  # fmt: skip


def test_rows_and_columns_that_one_has_and_the_other_has_not(difference):
    assert difference("select 'x' as k", "select 'y' as k") == [
        "t x: only on the first side",
        "t y: only on the second side",
    ]
    assert difference("select 'x' as k", "select 'x' as k, 1 as value") == [
        "t: only one side has value"
    ]


def test_every_mart_has_its_key():
    keys = mart_keys()
    assert {"metric_catalog", "metric_values", "fct_deals", "crm_scorecard"} <= keys.keys()
    # and three seeds
    assert len(keys) == len(list(Path(__file__).parents[2].glob("models/marts/*/*.sql"))) + 3
