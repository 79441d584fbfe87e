"""Apache Spark builds the same marts as DuckDB, money and counts to the last digit.

The real engine in local mode, one Java process for all tests. It costs minutes, so it runs only
where SPARK_TESTS is set: `make test-spark`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.build import build
from bitrix24_effectiveness.demo import GO_LIVE, settled
from bitrix24_effectiveness.errors import CrmEffectError, DataError
from bitrix24_effectiveness.guard import guard, results
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of
from compare_engines import differences, duckdb_reader, mart_keys, spark_reader
from corruptions.catalogue import Neutralised, Rejected, all_at_once
from corruptions.healthy import healthy_portal, healthy_seeds
from guarding import Guarded, compared, findings_of
from harness import Compiled, case_of_files, compile_project, rows_of
from oracle.reading import COLUMNS
from portals import VARIANTS, Case, seeded_case
from running import REPOSITORY
from spark import SMALL, missing, session

# FUZZ_EXAMPLES portals per set of vars, from seed FUZZ_SEED on; each costs 45 s of one core
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 1))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", 0))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
MAVEN = REPOSITORY.parent / "shared" / "data" / "maven_crm"

pytestmark = [
    pytest.mark.skipif("SPARK_TESTS" not in os.environ, reason="minutes long: make test-spark"),
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    # pyspark says so of pandas, which nothing here uses
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::UserWarning:pyspark"),
]


@dataclass(frozen=True)
class Place:
    """The session of this process and the environment in which dbt finds it."""

    session: Any
    folder: Path
    environment: dict[str, str]

    def project(self, raw_schema: str) -> Project:
        """The project with its raw tables in a schema."""
        variables = {"raw_schema": raw_schema}
        return replace(Project.find(variables), environment=os.environ | self.environment)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The folder and the environment in which dbt finds all."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(REPOSITORY)
            yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("spark")
    environment = {
        "CRM_TARGET": "spark",
        "CRM_SPARK_DIR": str(folder),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRM_SPARK_DIR", str(folder))
        started = session(SMALL)
    started.sql("create schema bitrix24")
    for table, columns in COLUMNS.items():
        typed = ", ".join(f"`{column}` string" for column in columns)
        started.sql(f"create table bitrix24.{table} ({typed}) using parquet")
    yield Place(started, folder, environment)
    started.stop()


def test_the_demo_portal_builds_and_has_the_same_marts(demo_portal, place: Place) -> None:
    from dbt.cli.main import dbtRunner

    with warehouse_of(place.project("demo")).new_raw_tables(may_replace=False) as file:
        shutil.copy(demo_portal.env["CRM_RAW_DB"], file)
    with place.entered():
        build(settled(place.project("demo")), Log("text"))
    found = differences(
        duckdb_reader(demo_portal.env["CRM_WAREHOUSE_DB"]),
        spark_reader(place.session, "crm_marts"),
        mart_keys(),
    )
    assert list(found)[:15] == []
    # unit tests ask for the columns of what they are about, so that it must have been built
    with place.entered():
        tests = dbtRunner().invoke(
            ["test", "--select", "test_type:unit", "--vars", "{raw_schema: demo}"]
        )
    passed = ("pass", "success")  # the latter of the hook
    failed = [item.node.name for item in tests.result if str(item.status) not in passed]
    assert failed == []


def test_critical_checks_find_what_they_find_on_duckdb(place: Place, tmp_path: Path) -> None:
    of_duckdb = Guarded(tmp_path, NOW)
    before, expected = of_duckdb.check_healthy_and_spoiled(tmp_path, "critical")
    project = place.project("spoiled")
    with warehouse_of(project).new_raw_tables(may_replace=False) as file:
        shutil.copy(of_duckdb.raw, file)
    critical = of_duckdb.suites_of(severity="critical")
    found = findings_of(project, NOW, before, suites=critical)
    assert compared(found) == compared(expected)


def test_unreadable_deals_stop_the_guard_and_are_remembered(place: Place) -> None:
    place.session.sql("create schema broken")
    for table, rows in {
        "crm_status": "select '1' as id, 'SOURCE' as entity_id, 'CALL' as status_id",
        "crm_deal": "select string(id) as id, 'NEW' as stage_id, 'soon' as date_create "
        "from range(1, 21)",
    }.items():
        place.session.sql(f"create table broken.{table} using parquet as {rows}")
    project = place.project("broken")
    preflight.check(project)
    with pytest.raises(DataError, match=r"crm_deal\.mostly_readable"):
        guard(project, Log("text"))
    kept = place.session.table("crm_quality.data_quality_results")
    assert kept.where("check_name = 'mostly_readable' and not is_accepted").count() == 2
    # nothing was accepted yet
    assert results.observed_before(project) == {}


def test_a_session_on_another_clock_is_refused(place: Place, tmp_path: Path) -> None:
    profiles = (REPOSITORY / "profiles.yml.example").read_text("utf-8")
    (tmp_path / "profiles.yml").write_text(
        profiles.replace("timeZone: UTC", "timeZone: Europe/Berlin"), "utf-8"
    )
    try:
        with place.entered(), pytest.MonkeyPatch.context() as patch:
            patch.setenv("DBT_PROFILES_DIR", str(tmp_path))
            with pytest.raises(CrmEffectError, match="session is Europe/Berlin: set"):
                build(place.project("demo"), Log("text"))
    finally:
        place.session.conf.set("spark.sql.session.timeZone", "UTC")


@dataclass(frozen=True)
class Engines:
    """The project compiled for DuckDB and for Spark with one set of vars.

    On Spark the models are built as temporary views, tables in memory: writing them to the
    metastore, which the demo portal tries, would take most of the time.
    """

    of_duckdb: Compiled
    of_spark: Compiled
    place: Place

    def differences(self, case: Case) -> Iterator[str]:
        """What the marts of a portal differ in, one line each."""
        with self.of_duckdb.run(case) as expected:
            for table, relation in self.of_duckdb.sources.items():
                # a journal is compiled as absent: these portals have none
                if table in COLUMNS:
                    self._copy(expected, relation, table)
            for name, seed in self.of_duckdb.seeds.items():
                self._copy(expected, seed.relation, name)
            for model in self.of_spark.models:
                sql = model.sql
                for schema in self._schemas:
                    sql = sql.replace(f"{schema}.", "")
                built = self.place.session.sql(sql)
                if model.columns:
                    built = built.select(list(model.columns))
                if model.materialized == "table":
                    built = built.localCheckpoint()
                built.createOrReplaceTempView(model.name)
            yield from differences(
                lambda table: rows_of(expected, f"warehouse.marts.{table}"),
                spark_reader(self.place.session),
                mart_keys(),
            )

    @property
    def _schemas(self) -> set[str]:
        nodes = [*self.of_spark.models, *self.of_spark.seeds.values()]
        relations = [*(node.relation for node in nodes), *self.of_spark.sources.values()]
        return {relation.rpartition(".")[0] for relation in relations}

    def _copy(self, source: duckdb.DuckDBPyConnection, relation: str, name: str) -> None:
        path = self.place.folder / f"{name}.parquet"
        source.execute(f"copy {relation} to '{path}'")
        self.place.session.read.parquet(str(path)).createOrReplaceTempView(name)


@pytest.fixture(scope="module", params=VARIANTS if "FUZZ_EXAMPLES" in os.environ else ["berlin"])
def engines(request: pytest.FixtureRequest, place: Place) -> Engines:
    variables = VARIANTS[request.param] | {"crm_go_live_date": GO_LIVE}
    wanted = tuple(set(mart_keys()) - {"metric_catalog"})
    return Engines(
        compile_project(place.folder, variables, wanted=wanted),
        compile_project(place.folder, variables, wanted=wanted, environment=place.environment),
        place,
    )


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
