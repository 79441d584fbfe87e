"""What dbt builds equals the oracle: on the demo portal and on the Maven data."""

import csv
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.demo.company import VARS
from harness import differences, rows_of, seed_rows
from oracle import compute
from oracle.context import SEED_COLUMNS
from oracle.reading import COLUMNS
from running import REPOSITORY, databases, long

MAVEN = REPOSITORY.parent / "shared" / "data" / "maven_crm"


def test_the_demo_portal(demo_portal):
    with duckdb.connect(demo_portal.env["CRM_RAW_DB"], read_only=True) as connection:
        present = {
            row[0]
            for row in connection.execute("select table_name from duckdb_tables()").fetchall()
        }
        portal = {
            table: rows_of(connection, f"bitrix24.{table}") for table in COLUMNS if table in present
        }
    expected = compute(portal, project_seeds(demo_portal.project.seeds_dir), VARS)
    with duckdb.connect(demo_portal.env["CRM_WAREHOUSE_DB"], read_only=True) as connection:
        assert differences(expected, connection)[:20] == []


def project_seeds(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {name: seed_rows(folder, name) for name in SEED_COLUMNS}


@long
@pytest.mark.skipif(not MAVEN.is_dir(), reason="the Maven data is not beside the project")
def test_the_maven_data(tmp_path, monkeypatch):
    from bitrix24_effectiveness.build import build
    from bitrix24_effectiveness.load.files import load_files
    from bitrix24_effectiveness.log import Log
    from bitrix24_effectiveness.project import Project as DbtProject

    for name, value in databases(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(REPOSITORY)
    dbt_project = DbtProject.find({})
    load_files(dbt_project, MAVEN, dbt_project.raw_db, Log("text"))
    build(dbt_project, Log("text"))

    portal = {}
    for path in MAVEN.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            portal[path.stem] = list(csv.DictReader(lines))
    expected = compute(portal, project_seeds(REPOSITORY / "seeds"))
    with duckdb.connect(str(dbt_project.warehouse_db), read_only=True) as connection:
        assert differences(expected, connection)[:20] == []
