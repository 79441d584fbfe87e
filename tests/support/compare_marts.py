"""Compares the marts of two checkouts: does a change of the models change a figure?

    git worktree add ../before HEAD~1
    python tests/support/compare_marts.py ../before . --portals 50

Both build the same portals in memory: the demo portal, the real data of `../shared` where it is
there, and random ones. Every column that the old marts have is compared, row by row; columns and
tables that only the new ones have are left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from bitrix24_effectiveness.demo import generate, seed_files
from compare_engines import Reader, Row, differences, mart_keys
from harness import MARTS, REPOSITORY, Compiled, case_of_files, compile_project, seed_rows
from portals import VARIANTS, Case, seeded_case

MAVEN = REPOSITORY.parent / "shared/data/maven_crm"
SHOWN = 10


class Checkout:
    """The compiled marts of a checkout."""

    def __init__(self, project: Path, folder: Path) -> None:
        self._project, self._folder = project, folder
        self._compiled: dict[str, Compiled] = {}
        self.keys = mart_keys(project)

    def run(self, case: Case, raw: Path | None = None) -> duckdb.DuckDBPyConnection:
        """Builds the marts of a portal."""
        if case.variant not in self._compiled:
            self._compiled[case.variant] = compile_project(
                self._folder, VARIANTS[case.variant], self._project, tuple(self.keys)
            )
        return self._compiled[case.variant].run(case, raw)


def reader(
    connection: duckdb.DuckDBPyConnection, like: duckdb.DuckDBPyConnection | None = None
) -> Reader:
    """Reads marts, of the columns only those that the mart has in `like` too."""

    def columns_of(origin: duckdb.DuckDBPyConnection, table: str) -> list[str]:
        return [row[0] for row in origin.execute(f"describe {MARTS}.{table}").fetchall()]

    def rows(table: str) -> Iterable[Row]:
        columns = columns_of(connection, table)
        if like is not None:
            columns = [name for name in columns if name in columns_of(like, table)]
        quoted = ", ".join(f'"{name}"' for name in columns)
        for row in connection.execute(f"select {quoted} from {MARTS}.{table}").fetchall():
            yield dict(zip(columns, row, strict=True))

    return rows


def cases(portals: int, folder: Path) -> Iterator[tuple[str, Case, Path | None]]:
    """Names and portals: tables of rows, or a raw file."""
    raw = folder / "demo.duckdb"
    generate(raw, leads=2000, seed=1)
    seeds = {path.stem: seed_rows(path.parent, path.stem) for path in _seed_files()}
    yield "demo portal", Case({}, _with_nulls(seeds)), raw
    if MAVEN.is_dir():
        yield "Maven data", case_of_files(MAVEN), None
    for seed in range(portals):
        yield f"random portal {seed}", seeded_case(seed), None


def _seed_files() -> list[Path]:
    return list(seed_files(REPOSITORY).values())


def _with_nulls(seeds: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {
        name: [{column: value or None for column, value in row.items()} for row in rows]
        for name, rows in seeds.items()
        if name != "student_t"
    }


def main() -> None:
    """Exits with 1 when there is a difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("old", type=Path, help="checkout of the project as it was")
    parser.add_argument("new", type=Path, help="checkout of the project as it is")
    parser.add_argument("--portals", type=int, default=50, help="how many random portals")
    parser.add_argument("--may-grow", nargs="*", default=[], help="marts that may have more rows")
    given = parser.parse_args()
    count = 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("old", "new"):
            (folder / part).mkdir()
        old = Checkout(given.old.resolve(), folder / "old")
        new = Checkout(given.new.resolve(), folder / "new")
        for title, case, raw in cases(given.portals, folder):
            before, after = old.run(case, raw), new.run(case, raw)
            found = [
                line
                for line in differences(reader(before), reader(after, before), old.keys)
                if line.split()[0] not in given.may_grow
                or not line.endswith("only on the second side")
            ]
            for line in found[:SHOWN]:
                print(f"{title}: {line}")
            if len(found) > SHOWN:
                print(f"{title}: and {len(found) - SHOWN} more")
            count += bool(found)
    sys.exit(f"{count} portals differ" if count else print("equal"))


if __name__ == "__main__":
    main()
