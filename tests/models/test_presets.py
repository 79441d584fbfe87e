"""Raw tables loaded in other ways give the same marts as those of the classic REST methods."""

import json
import os
import shutil
import subprocess
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pytest

import mariadb
from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.demo import GO_LIVE, TABLES, generate
from bitrix24_effectiveness.load.files import load_files
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from corruptions.healthy import healthy_seeds
from guarding import findings_of
from harness import MARTS, compile_project, load_rows, rows_of, type_of
from portal_shapes import (
    Portal,
    Row,
    as_smart_process,
    bi_connector,
    on_premise,
    sql_of,
    universal_methods,
    without_what_bi_connector_lacks,
    without_what_the_product_lacks,
)
from portals import Case
from running import REPOSITORY, long

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Marts = dict[str, list[Row]]
MART_NAMES = tuple(
    sorted(
        path.stem
        for path in REPOSITORY.glob("models/marts/**/*.sql")
        if path.parent.name != "intermediate"
    )
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    path = tmp_path_factory.mktemp("portal") / "demo.duckdb"
    generate(path, leads=150, seed=1)
    with duckdb.connect(str(path), read_only=True) as connection:
        return {table: rows_of(connection, f"bitrix24.{table}") for table in TABLES}


@pytest.fixture(scope="module")
def portal(demo: Portal) -> Portal:
    """The demo portal with its dirt, as far as every way of loading can deliver it."""
    return without_what_bi_connector_lacks(demo)


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
            types = {column: type_of(rows, column) for column in rows[0]}
            load_rows(connection, f'"{table}"', types, rows)
            connection.execute(f"copy \"{table}\" to '{folder / table}.parquet'")


def marts_of(folder: Path, preset: str, **more: object) -> Marts:
    """Loads the files of a folder, judges them and builds every mart from them."""
    given = {"raw_preset": preset, "crm_go_live_date": GO_LIVE} | more
    databases = {"CRM_RAW_DB": "raw.duckdb", "CRM_WAREHOUSE_DB": "warehouse.duckdb"}
    environment = {variable: str(folder / name) for variable, name in databases.items()}
    project = Project(REPOSITORY, given, environment)
    preflight.check_vars(project)
    load_files(project, folder, project.raw_db, Log("text"))
    preflight.check_raw(project)
    findings = findings_of(project, NOW, {})
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
        # calls have other ids in the BI Connector
        for row in marts["fct_calls"]:
            row["call_id"] = None
    values = {row["metric_code"] for row in expected["metric_values"] if row["value"] is not None}
    assert len(values) == 10
    for name in MART_NAMES:
        assert got[name] == expected[name], name


@long
def test_universal_methods_give_the_marts_of_the_classic_ones(
    portal: Portal, expected: Marts, tmp_path: Path
):
    write_json(tmp_path, universal_methods(portal))
    assert_same_marts(marts_of(tmp_path, "crm_item"), expected)


@long
def test_bi_connector_gives_the_marts_of_rest(portal: Portal, expected: Marts, tmp_path: Path):
    write_parquet(tmp_path, bi_connector(portal))
    assert_same_marts(marts_of(tmp_path, "bi_connector"), expected)


@long
def test_a_smart_process_gives_the_metrics_of_deals(demo: Portal, tmp_path: Path):
    deals, smart = as_smart_process(demo)
    (tmp_path / "deals").mkdir()
    (tmp_path / "smart").mkdir()
    write_json(tmp_path / "deals", deals)
    write_json(tmp_path / "smart", smart)
    expected = marts_of(tmp_path / "deals", "rest")
    got = marts_of(tmp_path / "smart", "deal_type", deal_entity_type=1032)
    values = {row["metric_code"] for row in expected["metric_values"] if row["value"] is not None}
    assert len(values) == 10
    for name in ("metric_values", "crm_scorecard", "fct_requests", "employee_kpi"):
        # the seed of reasons of losses names stages, which are others there
        found, wanted = (
            [row for row in marts[name] if row.get("metric_code") != "lost_sales"]
            for marts in (got, expected)
        )
        assert found == wanted, name
    stages = [
        {(row["pipeline_id"], row["stage_name"], row["semantic"]) for row in marts["dim_stages"]}
        for marts in (got, expected)
    ]
    assert stages[0] == stages[1]
    raised = [
        {
            (row["finding_code"], row["evidence_count"])
            for row in marts["crm_findings"]
            if row["finding_code"] != "loss_reasons_missing"
        }
        for marts in (got, expected)
    ]
    assert raised[0] == raised[1]


def commands_of(chapter: str) -> str:
    """The worked example of a chapter of docs/loading.md, without what is shown in other tests."""
    text = (REPOSITORY / "docs/loading.md").read_text("utf-8").partition(f"\n## {chapter}")[2]
    lines = text.partition("```sh\n")[2].partition("```")[0].splitlines()
    return "\n".join(line for line in lines if "crm-effect" not in line.partition("#")[0])


def test_the_bi_connector_is_asked_for_what_is_read_and_nothing_else(
    portal: Portal, tmp_path: Path
):
    shaped = bi_connector(portal)

    class BiConnector(BaseHTTPRequestHandler):
        """Answers as pbi.php does: a list of rows, the first of which names the columns."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            rows = shaped[self.path.partition("pbi.php?table=")[2]]
            names = [field["name"] for field in body["fields"]]
            answer = [names, *([row[name] for name in names] for row in rows)]
            is_allowed = body["key"] == "secret"
            self.send_response(200)
            self.end_headers()
            answer = answer if is_allowed else {"error": "WRONG_KEY"}
            self.wfile.write(json.dumps(answer, default=str).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), BiConnector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            "BITRIX24_PORTAL": f"http://127.0.0.1:{server.server_port}",
            "BITRIX24_BI_KEY": "secret",
        }
        subprocess.run(
            ["bash", "-euc", commands_of("BI Connector")],
            check=True, cwd=tmp_path, env=os.environ | environment, timeout=60,
        )  # fmt: skip
        server.shutdown()
    raw = {"CRM_RAW_DB": str(tmp_path / "raw.duckdb")}
    project = Project(REPOSITORY, {"raw_preset": "bi_connector"}, raw)
    load_files(project, tmp_path / "dumps", project.raw_db, Log("text"))
    preflight.check_raw(project)
    unread = {("task", "STATUS"), ("task", "CREATED_BY")}
    with duckdb.connect(str(project.raw_db), read_only=True) as connection:
        for table in shaped.keys() - {"crm_category", "crm_currency"}:
            loaded = connection.execute(f'select * from bitrix24."{table}"').fetchdf()
            assert {name.upper() for name in loaded} == {
                name for name in shaped[table][0] if (table, name) not in unread
            }
            assert len(loaded) == len(shaped[table])


def test_views_of_an_on_premise_database_give_the_marts_of_rest(demo: Portal, tmp_path: Path):
    same = without_what_the_product_lacks(demo)
    (tmp_path / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs/on_premise.sql", tmp_path / "docs")
    with mariadb.server() as environment:

        def run(*command: str, text: str | None = None) -> None:
            subprocess.run(
                command, check=True, input=text, text=True, cwd=tmp_path, env=environment,
                timeout=120,
            )  # fmt: skip

        run(
            "mysql", "--default-character-set=utf8mb4", text=sql_of("sitemanager", on_premise(same))
        )
        run("bash", "-euc", commands_of("On-premise MySQL"))
    rest = tmp_path / "rest"
    rest.mkdir()
    write_json(rest, same)
    assert_same_marts(marts_of(tmp_path / "dumps", "rest"), marts_of(rest, "rest"))
