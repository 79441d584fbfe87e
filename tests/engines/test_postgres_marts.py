"""PostgreSQL builds the same marts as DuckDB, money and counts to the last digit.

The project is compiled for both engines; each portal runs through the compiled SQL of both. The
database sorts texts as English does, so that an order by the rules of a language would show.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bitrix24_effectiveness.demo import GO_LIVE
from compare_engines import differences, mart_keys
from corruptions.catalogue import Neutralised, Rejected, all_at_once
from corruptions.healthy import healthy_portal, healthy_seeds
from harness import Compiled, Node, case_of_files, compile_project, rows_of
from oracle.reading import COLUMNS
from portals import VARIANTS, Case, seeded_case
from postgres import TYPES, copy, database, server
from running import REPOSITORY

# FUZZ_EXAMPLES portals per set of vars, from seed FUZZ_SEED on
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 8))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", 0))

MAVEN = REPOSITORY.parent / "shared" / "data" / "maven_crm"


@dataclass(frozen=True)
class Engines:
    """The project compiled for DuckDB and for PostgreSQL, and a connection to the latter."""

    of_duckdb: Compiled
    of_postgres: Compiled
    connection: psycopg.Connection

    def differences(self, case: Case) -> Iterator[str]:
        """What the marts of a portal differ in, one line each."""
        with self.of_duckdb.run(case) as expected, self.connection.transaction(force_rollback=True):
            for schema in {
                node.schema for node in [*self.of_postgres.models, *self.of_postgres.seeds.values()]
            }:
                self.connection.execute(f"create schema {schema.rpartition('.')[2]}")
            for table, relation in self.of_postgres.sources.items():
                # a journal is compiled as absent: these portals have none
                if table not in COLUMNS:
                    continue
                self.connection.execute(f"drop table {relation}")
                copy(expected, self.of_duckdb.sources[table], self.connection, relation)
            for name, seed in self.of_postgres.seeds.items():
                copy(expected, self.of_duckdb.seeds[name].relation, self.connection, seed.relation)
            for model in self.of_postgres.models:
                build(self.connection, model)
            yield from differences(
                lambda table: rows_of(expected, f"warehouse.marts.{table}"),
                lambda table: rows_of(self.connection, f"crm_marts.{table}"),
                mart_keys(),
            )


def build(connection: psycopg.Connection, model: Node) -> None:
    """Builds a model as dbt does, statistics and indexes aside."""
    try:
        if model.materialized == "view":
            connection.execute(f"create view {model.relation} as ({model.sql})")
        elif model.columns:
            columns = ", ".join(
                f'"{name}" {TYPES.get(kind, kind)}' for name, kind in model.columns.items()
            )
            named = ", ".join(f'"{name}"' for name in model.columns)
            connection.execute(f"create table {model.relation} ({columns})")
            connection.execute(
                f"insert into {model.relation} ({named}) select {named} from ({model.sql}) as built"
            )
        else:
            connection.execute(f"create table {model.relation} as ({model.sql})")
    except psycopg.Error as error:
        raise AssertionError(f"{model.name}: {error}") from error


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """A folder, the environment of a database, and a connection to it."""
    with (
        server() as url,
        database(url, "marts", "icu_locale 'en-US' locale_provider icu") as found,
        psycopg.connect(
            host=found["PGHOST"], user=found["PGUSER"], dbname=found["PGDATABASE"], autocommit=True
        ) as connection,
    ):
        # as the project's hook does before each model: compiling took nearly all the time
        connection.execute("set jit = off")
        connection.execute("create schema bitrix24")
        for table, columns in COLUMNS.items():
            typed = ", ".join(f'"{column}" text' for column in columns)
            connection.execute(f"create table bitrix24.{table} ({typed})")
        yield tmp_path_factory.mktemp("engines"), found, connection


# two compilations a set, of some ten seconds
@pytest.fixture(
    scope="module",
    params=VARIANTS if "FUZZ_EXAMPLES" in os.environ else ["defaults", "as_of_before"],
)
def engines(request: pytest.FixtureRequest, place: tuple) -> Engines:
    folder, environment, connection = place
    variables = VARIANTS[request.param] | {"crm_go_live_date": GO_LIVE}
    wanted = tuple(set(mart_keys()) - {"metric_catalog"})
    return Engines(
        compile_project(folder, variables, wanted=wanted),
        compile_project(folder, variables, wanted=wanted, environment=environment),
        connection,
    )


@pytest.mark.parametrize("engines", ["defaults"], indirect=True)
def test_a_spoiled_portal_has_the_same_marts(engines: Engines, tmp_path: Path) -> None:
    portal = all_at_once(healthy_portal(tmp_path), Neutralised, Rejected)
    found = list(engines.differences(Case(portal, healthy_seeds())))
    assert not found, "\n".join(found[:15])


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + EXAMPLES))
def test_a_random_portal_has_the_same_marts(
    engines: Engines, request: pytest.FixtureRequest, seed: int
) -> None:
    variant = request.node.callspec.params["engines"]
    found = list(engines.differences(seeded_case(seed, variant=variant)))
    assert not found, "\n".join(found[:15])


@pytest.mark.skipif(not MAVEN.is_dir(), reason="the Maven data is not beside the project")
@pytest.mark.parametrize("engines", ["defaults"], indirect=True)
def test_the_maven_data_have_the_same_marts(engines: Engines) -> None:
    found = list(engines.differences(case_of_files(MAVEN)))
    assert not found, "\n".join(found[:15])
