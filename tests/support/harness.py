"""Runs the compiled SQL of the project on small portals held in memory.

dbt compiles once per set of vars; after that a portal costs a fraction of a second: its raw rows
and seeds are loaded into an in-memory DuckDB, and the models of the manifest run in its order, as
tables or views as the manifest says, with the types of their contracts.
"""

from __future__ import annotations

import copy
import csv
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from oracle import SEGMENT_TYPES, Result, compute
from oracle.reading import COLUMNS
from portals import VARIANTS, Case

REPOSITORY = Path(__file__).resolve().parents[2]

Row = dict[str, Any]
Differences = list[str]

MARTS = "warehouse.marts"
COMPARED = (
    *(f"metric_{code}" for code in SEGMENT_TYPES),
    "metric_values",
    "client_cohorts",
    "deal_stage_durations",
    "loss_by_stage",
    "crm_adoption",
    "rejected_rows",
    "raw_row_counts",
)


@dataclass(frozen=True)
class Node:
    """A model or seed of the manifest."""

    name: str
    relation: str
    schema: str
    materialized: str
    sql: str
    columns: dict[str, str]


class Compiled:
    """The project compiled with one set of vars."""

    def __init__(self, manifest: Row, wanted: tuple[str, ...] = COMPARED):
        nodes = manifest["nodes"]
        self.seeds = {
            node["name"]: Node(
                node["name"],
                node["relation_name"],
                f"{_quoted(node['database'])}.{_quoted(node['schema'])}",
                "seed",
                "",
                node["config"]["column_types"],
            )
            for node in nodes.values()
            if node["resource_type"] == "seed"
        }
        self.seed_paths = {
            node["name"]: Path(node["root_path"] or REPOSITORY) / node["original_file_path"]
            for node in nodes.values()
            if node["resource_type"] == "seed"
        }
        self.models = [self._model(nodes[key]) for key in _in_order(nodes, wanted)]
        self.analyses = {
            node["name"]: node["compiled_code"]
            for node in nodes.values()
            if node["resource_type"] == "analysis" and node["name"] in wanted
        }
        self.sources = {
            source["name"]: source["relation_name"] for source in manifest["sources"].values()
        }
        self.databases = {
            database
            for item in [*nodes.values(), *manifest["sources"].values()]
            if (database := item.get("database"))
        }

    @staticmethod
    def _model(node: Row) -> Node:
        is_enforced = node["config"]["contract"]["enforced"]
        return Node(
            node["name"],
            node["relation_name"],
            f"{_quoted(node['database'])}.{_quoted(node['schema'])}",
            node["config"]["materialized"],
            node["compiled_code"],
            {name: column["data_type"] for name, column in node["columns"].items()}
            if is_enforced
            else {},
        )

    def staging_of(self, tables: Collection[str]) -> Compiled:
        """The same with only the staging models of some raw tables, and no seeds."""
        part = copy.copy(self)
        part.sources = {table: self.sources[table] for table in tables}
        part.seeds = {}
        bases = [
            model
            for model in self.models
            if {table for table, relation in self.sources.items() if relation in model.sql}
            in [{table} for table in tables]
        ]
        part.models = bases + [
            model
            for model in self.models
            if model.name.startswith("stg_") and any(base.relation in model.sql for base in bases)
        ]
        return part

    def run(
        self, case: Case, raw: Path | None = None, threads: int = 1
    ) -> duckdb.DuckDBPyConnection:
        """The case with all models built, in memory; the raw tables may be those of a file."""
        connection = duckdb.connect()
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"set threads = {threads}")
        files = {"raw": f"attach '{raw}' as raw (read_only)"} if raw else {}
        for database in self.databases:
            attached = files.get(database, f"attach ':memory:' as {_quoted(database)}")
            connection.execute(attached)
        schemas = {node.schema for node in [*self.models, *self.seeds.values()]}
        if raw is None:
            schemas |= {relation.rpartition(".")[0] for relation in self.sources.values()}
        for schema in schemas:
            connection.execute(f"create schema if not exists {schema}")
        for table, relation in self.sources.items() if raw is None else ():
            # a journal is compiled as absent: these portals have none
            if table not in COLUMNS:
                continue
            rows = case.portal.get(table) or []
            types = {column: type_of(rows, column) for column in COLUMNS[table]}
            load_rows(connection, relation, types, rows)
        for name, seed in self.seeds.items():
            types = seed.columns
            rows = case.seeds.get(name)
            if rows is None:
                # reference data that is not the user's own comes with the project
                connection.execute(
                    f"create table {seed.relation} as "
                    f"select * from read_csv(?, header = true, types = {types})",
                    [str(self.seed_paths[name])],
                )
            else:
                load_rows(connection, seed.relation, types, rows)
        for model in self.models:
            build_model(connection, model)
        return connection


def _quoted(name: str) -> str:
    return f'"{name}"'


def _in_order(nodes: dict[str, Row], wanted: tuple[str, ...]) -> Iterator[str]:
    """The wanted models and what they are built from, parents first."""
    done: set[str] = set()

    def visit(key: str) -> Iterator[str]:
        if key in done or key not in nodes or nodes[key]["resource_type"] != "model":
            return
        done.add(key)
        for parent in nodes[key]["depends_on"]["nodes"]:
            yield from visit(parent)
        yield key

    for key in sorted(nodes):
        if nodes[key]["name"] in wanted:
            yield from visit(key)


def build_model(connection: duckdb.DuckDBPyConnection, model: Node) -> None:
    if model.materialized == "ephemeral":
        return
    try:
        if model.materialized == "view":
            connection.execute(f"create view {model.relation} as ({model.sql})")
        elif model.columns:
            columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in model.columns.items())
            connection.execute(f"create table {model.relation} ({columns})")
            connection.execute(f"insert into {model.relation} by name ({model.sql})")
        else:
            connection.execute(f"create table {model.relation} as ({model.sql})")
    except duckdb.Error as error:
        raise AssertionError(f"{model.name}: {error}") from error


_NATIVE_TYPES = {
    bool: "boolean",
    int: "bigint",
    Decimal: "decimal(20, 4)",
    date: "date",
}


def type_of(rows: list[Row], column: str) -> str:
    """DuckDB type of a raw column: that of its values, where all are of one native type."""
    kinds = {type(row.get(column)) for row in rows} - {type(None)}
    if kinds == {datetime}:
        is_aware = {row[column].tzinfo is not None for row in rows if row.get(column)}
        return "timestamptz" if True in is_aware else "timestamp"
    return _NATIVE_TYPES.get(kinds.pop(), "varchar") if len(kinds) == 1 else "varchar"


def load_rows(
    connection: duckdb.DuckDBPyConnection, relation: str, types: dict[str, str], rows: list[Row]
) -> None:
    columns = ", ".join(f"{_quoted(name)} {kind}" for name, kind in types.items())
    connection.execute(f"create table {relation} ({columns})")
    if not rows:
        return
    # one JSON document is far quicker than a statement per row
    document = json.dumps([{name: _json(row.get(name)) for name in types} for row in rows])
    structure = json.dumps([dict.fromkeys(types, "VARCHAR")])
    picked = ", ".join(f"cast(item.{_quoted(name)} as {kind})" for name, kind in types.items())
    connection.execute(
        f"insert into {relation} select {picked} "
        f"from (select unnest(from_json(?::json, '{structure}')) as item)",
        [document],
    )


def _json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def read_by_the_parser(variables: Row) -> Row:
    """Of vars the names of raw tables: no other matters when dbt reads the project."""
    return {
        name: value
        for name, value in variables.items()
        if (name.startswith("raw_") and name != "raw_max_age_hours") or name == "deal_entity_type"
    }


def compile_project(
    folder: Path,
    variables: Row,
    project: Path = REPOSITORY,
    wanted: tuple[str, ...] = COMPARED,
    environment: dict[str, str] | None = None,
) -> Compiled:
    """Compiles with dbt against raw tables that exist and are empty, all columns text.

    Only the wanted models and what they are built from are compiled. `environment` names another
    engine, which has such raw tables.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    names = read_by_the_parser(variables)
    engine = tuple(sorted((environment or {}).items()))
    manifest = parsed(project, json.dumps(names), engine).deepcopy()
    raw = folder / "raw.duckdb"
    if not raw.exists():
        with duckdb.connect(str(raw)) as connection:
            connection.execute("create schema bitrix24")
            for table, columns in COLUMNS.items():
                load_rows(connection, f"bitrix24.{table}", dict.fromkeys(columns, "varchar"), [])
    settings = {
        "CRM_RAW_DB": str(raw),
        "CRM_WAREHOUSE_DB": str(folder / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    } | (environment or {})
    arguments = [
        "compile",
        "--project-dir", str(project),
        "--log-level", "none",
        "--no-write-json",
        "--select", " ".join(f"+{name}" for name in wanted),
        "--exclude", "resource_type:test resource_type:unit_test",
        "--vars", json.dumps(variables),
    ]  # fmt: skip
    with _environment(settings):
        try:
            result = dbtRunner(manifest=manifest).invoke(arguments)
        finally:
            DuckDBConnectionManager.close_all_connections()
    if not result.success:
        raise AssertionError(f"dbt compile failed: {result.exception}")
    return Compiled(manifest.writable_manifest().to_dict(omit_none=False), wanted)


@cache
def parsed(project: Path, variables: str, engine: tuple[tuple[str, str], ...]) -> Any:
    """The project as dbt reads it, see `read_by_the_parser`."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    with (
        TemporaryDirectory() as folder,
        _environment(
            {
                "DBT_TARGET_PATH": folder,
                "DBT_LOG_PATH": folder,
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            }
            | dict(engine)
        ),
    ):
        try:
            result = dbtRunner().invoke(
                ["parse", "--project-dir", str(project), "--log-level", "none", "--vars", variables]
            )  # fmt: skip
        finally:
            DuckDBConnectionManager.close_all_connections()
    if not result.success:
        raise AssertionError(f"dbt parse failed: {result.exception}")
    return result.result


class Project:
    """Compiled variants of the project, each made when it is first needed."""

    def __init__(self, folder: Path, project: Path = REPOSITORY):
        self._folder = folder
        self._project = project
        self._compiled: dict[str, Compiled] = {}

    def variant(self, name: str) -> Compiled:
        if name not in self._compiled:
            self._compiled[name] = compile_project(self._folder, VARIANTS[name], self._project)
        return self._compiled[name]

    def run(self, case: Case) -> duckdb.DuckDBPyConnection:
        return self.variant(case.variant).run(case)

    def differences(self, case: Case) -> Differences:
        """What the marts of a case and the oracle disagree about."""
        with self.run(case) as connection:
            return differences(expected_of(case), connection)


# -- comparison


def seed_rows(folder: Path, name: str) -> list[Row]:
    """A seed's CSV as rows of text."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def case_of_files(folder: Path) -> Case:
    """The portal of a folder of CSV files, with the seeds as they ship."""
    seeds = [path.stem for path in (REPOSITORY / "seeds").glob("*.csv")]
    return Case(
        {path.stem: _texts(folder, path.stem) for path in folder.glob("*.csv")},
        {name: _texts(REPOSITORY / "seeds", name) for name in seeds},
    )


def _texts(folder: Path, name: str) -> list[Row]:
    return [
        {column: value or None for column, value in row.items()} for row in seed_rows(folder, name)
    ]


def expected_of(case: Case) -> Result:
    """What the oracle says about a case; the catalogue of metrics comes with the project."""
    catalog = {"metric_catalog": seed_rows(REPOSITORY / "seeds", "metric_catalog")}
    return compute(case.portal, catalog | case.seeds, case.variables)


def rows_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Row]:
    cursor = connection.execute(f"select * from {relation}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _is_equal(expected: Any, got: Any) -> bool:
    if expected is None or got is None:
        return expected is None and got is None
    if isinstance(expected, float) or isinstance(got, float):
        expected, got = float(expected), float(got)
        return abs(expected - got) <= max(1e-9, 1e-9 * abs(expected))
    if isinstance(expected, Decimal) and isinstance(got, Decimal):
        # rates have twelve decimals in SQL, and an exact half may round the other way
        return abs(expected - got) <= Decimal("0.000002") + abs(expected) / 10**9
    return expected == got


def compare(
    name: str, expected: dict[Any, Row], got: list[Row], key: tuple[str, ...]
) -> Differences:
    """What differs, one line each; every column of the expected rows is compared."""
    found = {}
    differences = []
    for row in got:
        row_key = tuple(row[column] for column in key)
        if row_key in found:
            differences.append(f"{name} {row_key}: twice")
        found[row_key] = row
    keyed = {tuple(row[column] for column in key): row for row in expected.values()}
    for row_key in keyed.keys() - found.keys():
        differences.append(f"{name} {row_key}: missing")
    for row_key in found.keys() - keyed.keys():
        differences.append(f"{name} {row_key}: not expected: {found[row_key]}")
    for row_key in keyed.keys() & found.keys():
        for column, value in keyed[row_key].items():
            if column not in found[row_key]:
                differences.append(f"{name}: no column {column}")
            elif not _is_equal(value, found[row_key][column]):
                differences.append(
                    f"{name} {_short(row_key)} {column}: "
                    f"expected {value}, got {found[row_key][column]}"
                )
    return sorted(differences)


def _short(row_key: tuple) -> str:
    return "|".join(str(part) for part in row_key)


def differences(
    result: Result, connection: duckdb.DuckDBPyConnection, schema: str = MARTS
) -> Differences:
    """All differences between the oracle and the marts in a schema (``database.schema``)."""
    found: Differences = []
    for code, table in result.tables.items():
        found += compare(
            code, table, rows_of(connection, f"{schema}.metric_{code}"), ("metric_key",)
        )
    for name, expected, key in (
        ("metric_values", result.metric_values, ("metric_key",)),
        ("client_cohorts", result.client_cohorts, ("cohort_month", "months_since")),
        ("deal_stage_durations", result.deal_stage_durations, ("pipeline_id", "stage_id")),
        (
            "loss_by_stage",
            result.loss_by_stage,
            ("period_grain", "period_start", "pipeline_id", "stage_id", "loss_reason_id"),
        ),
        ("crm_adoption", result.crm_adoption, ("month_start", "segment_id")),
    ):
        found += compare(name, expected, rows_of(connection, f"{schema}.{name}"), key)

    rejected = [
        (row["raw_table"], row["row_id"], row["reason"])
        for row in rows_of(connection, f"{schema}.rejected_rows")
    ]
    if sorted(map(str, rejected)) != sorted(map(str, result.rejected)):
        found.append(f"rejected_rows: expected {result.rejected}, got {rejected}")
    for row in rows_of(connection, f"{schema}.raw_row_counts"):
        expected = result.counts[row["raw_table"]]
        got = {name: row[f"{name}_rows"] for name in expected}
        if got != expected:
            found.append(f"raw_row_counts {row['raw_table']}: expected {expected}, got {got}")
    return found


def smallest(case: Case, fails) -> Case:
    """The case with every row removed that its failure does not need (greedy)."""

    def without(tables: dict[str, list[Row]], name: str, start: int, size: int):
        rows = tables[name]
        return tables | {name: rows[:start] + rows[start + size :]}

    def still_fails(candidate: Case) -> bool:
        try:
            return bool(fails(candidate))
        except Exception:
            return False

    portal, seeds = case.portal, case.seeds
    is_shrinking = True
    while is_shrinking:
        is_shrinking = False
        for which in ("portal", "seeds"):
            for name in list(getattr(case, which)):
                size = max(len(getattr(case, which)[name]) // 2, 1)
                while size:
                    start = 0
                    while start < len(getattr(case, which)[name]):
                        tables = without(getattr(case, which), name, start, size)
                        portal = tables if which == "portal" else case.portal
                        seeds = tables if which == "seeds" else case.seeds
                        candidate = Case(portal, seeds, case.variant)
                        if still_fails(candidate):
                            case, is_shrinking = candidate, True
                        else:
                            start += size
                    size //= 2
    return case
