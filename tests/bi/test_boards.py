"""The boards as files: their queries run on the published marts, in both languages."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from test_bi_docs import as_published

from running import REPOSITORY, Built

sys.path.insert(0, str(REPOSITORY / "bi/superset"))

import build

Files = dict[str, dict[str, Any]]
LANGUAGES = ["en", "ru"]


@pytest.fixture(scope="module", params=LANGUAGES)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("bundle")
    path = build.write(request.param, "duckdb:////srv/crm/crm.duckdb", "marts", folder)
    return read(path)


@pytest.fixture(scope="module")
def marts(
    demo_portal: Built, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    file = as_published(demo_portal, tmp_path_factory.mktemp("marts"))
    with duckdb.connect(str(file), read_only=True) as connection:
        yield connection


def read(path: Path) -> Files:
    with zipfile.ZipFile(path) as bundle:
        return {
            name.removeprefix("crm_boards/"): yaml.safe_load(bundle.read(name))
            for name in bundle.namelist()
        }


def of_kind(files: Files, kind: str) -> dict[str, dict[str, Any]]:
    return {document["uuid"]: document for name, document in files.items() if name.startswith(kind)}


def test_queries_read_published_marts_and_give_the_columns_that_are_declared(
    files: Files, marts: duckdb.DuckDBPyConnection
) -> None:
    query = "select table_name from information_schema.tables where table_schema = 'marts'"
    published = {name for (name,) in marts.execute(query).fetchall()}
    for dataset in of_kind(files, "datasets/").values():
        # a name without a schema is a step of the query itself
        asked = set(re.findall(r"(?:from|join)\s+(marts\.\w+|\w+\.\w+\s+as\b)", dataset["sql"]))
        asked = {name.split()[0] for name in asked}
        assert asked
        assert asked <= {f"marts.{name}" for name in published}
        found = marts.execute(dataset["sql"])
        names = {column[0] for column in found.description}
        assert names == {column["column_name"] for column in dataset["columns"]}
        for metric in dataset["metrics"]:
            sql = f"select {metric['expression']} from ({dataset['sql']}) as asked"
            assert marts.execute(sql).fetchall(), metric["metric_name"]


def test_charts_ask_only_for_what_their_dataset_has(files: Files) -> None:
    datasets = of_kind(files, "datasets/")
    for chart in of_kind(files, "charts/").values():
        dataset, asked = datasets[chart["dataset_uuid"]], chart["params"]
        columns = {column["column_name"] for column in dataset["columns"]}
        measures = {metric["metric_name"] for metric in dataset["metrics"]}
        grouped = asked.get("groupby", [])
        used = {
            *([grouped] if isinstance(grouped, str) else grouped),
            *asked.get("all_columns", []),
        }
        used |= {asked["x_axis"]} if "x_axis" in asked else set()
        assert used <= columns, chart["slice_name"]
        assert {
            *asked.get("metrics", []),
            *([asked["metric"]] if "metric" in asked else []),
        } <= measures


def test_what_a_table_shows_has_a_name_in_the_language(files: Files) -> None:
    datasets = of_kind(files, "datasets/")
    for chart in of_kind(files, "charts/").values():
        if chart["viz_type"] != "table":
            continue
        names = {
            column["column_name"]: column["verbose_name"]
            for column in datasets[chart["dataset_uuid"]]["columns"]
        }
        shown = chart["params"].get("all_columns") or chart["params"]["groupby"]
        assert all(names[column] for column in shown), (chart["slice_name"], shown)


def test_every_filter_of_a_board_reaches_its_charts(files: Files) -> None:
    datasets, charts = of_kind(files, "datasets/"), of_kind(files, "charts/")
    for board in of_kind(files, "dashboards/").values():
        placed = [
            charts[item["meta"]["uuid"]]
            for item in board["position"].values()
            if isinstance(item, dict) and item["type"] == "CHART"
        ]
        for wanted in board["metadata"]["native_filter_configuration"]:
            column = wanted["targets"][0].get("column", {}).get("name")
            reached = [
                chart["slice_name"]
                for chart in placed
                for dataset in [datasets[chart["dataset_uuid"]]]
                if column in {found["column_name"] for found in dataset["columns"]}
                or (column is None and dataset["main_dttm_col"])
            ]
            assert len(reached) >= 2, (board["slug"], wanted["name"])


def test_the_database_is_read_only_and_reaches_no_other_file(files: Files) -> None:
    database = files["databases/crm_effect.yaml"]
    assert database["extra"]["engine_params"]["connect_args"] == {
        "read_only": True,
        "config": {"enable_external_access": "false"},
    }
    assert not any(database[f"allow_{what}"] for what in ("dml", "ctas", "cvas", "file_upload"))


def test_bundles_are_the_same_each_time_and_hold_no_password(tmp_path: Path) -> None:
    uri = "postgresql://superset:hush@db.example/crm"
    first, second = (
        build.write("ru", uri, "marts", tmp_path / name).read_bytes() for name in ("one", "two")
    )
    assert first == second
    database = read(tmp_path / "one/crm_boards.ru.zip")["databases/crm_effect.yaml"]
    assert database["sqlalchemy_uri"] == "postgresql://superset:XXXXXXXXXX@db.example/crm"
    assert database["extra"] == {}


def test_both_languages_have_all_boards_and_share_nothing_but_the_database(tmp_path: Path) -> None:
    bundles = [
        read(build.write(code, "duckdb:////crm.duckdb", "marts", tmp_path)) for code in LANGUAGES
    ]
    english, russian = bundles
    assert set(english) == set(russian)
    assert len(of_kind(english, "dashboards/")) == 7
    uuids = [{file["uuid"] for file in bundle.values() if "uuid" in file} for bundle in bundles]
    assert uuids[0] & uuids[1] == {english["databases/crm_effect.yaml"]["uuid"]}


def test_another_schema_and_a_wrong_address_are_understood(tmp_path: Path) -> None:
    files = read(build.write("en", "postgresql://db.example/crm", "crm_marts_2", tmp_path))
    for dataset in of_kind(files, "datasets/").values():
        assert "crm_marts_2." in dataset["sql"]
        assert " marts." not in dataset["sql"]
    for uri, said in (
        ("/srv/crm.duckdb", "no address"),
        ("mysql://db/crm", "mysql: give one"),
    ):
        answer = CliRunner().invoke(build.main, [uri, "--out", str(tmp_path)])
        assert answer.exit_code == 2
        assert said in answer.output
