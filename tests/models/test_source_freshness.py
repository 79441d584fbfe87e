"""`dbt source freshness` on portals that lack tables, or name them otherwise."""

import json
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from running import MiniProject


def test_an_absent_table_is_as_fresh_as_the_deals_whatever_their_name(
    mini: MiniProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = Path(mini.env["CRM_RAW_DB"])
    raw.unlink()
    with duckdb.connect(str(raw)) as connection:
        connection.execute("create schema portal")
        connection.execute(
            "create table portal.b24_deals as select 1 as id, 'NEW' as stage_id, "
            "'2026-10-30T10:00:00+03:00' as date_create, '2026-10-31T10:00:00+03:00' as changed"
        )
        connection.execute(
            "create table portal.crm_activity as select 1 as id, 1 as owner_id, "
            "2 as owner_type_id, '2026-10-30' as created, '2026-11-01 12:00:00' as last_updated"
        )
    for name, value in (mini.env | {"CRM_SEEDS_DIR": "seeds"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(mini.folder)
    variables = {
        "raw_schema": "portal",
        "raw_identifiers": {"crm_deal": "b24_deals"},
        "raw_columns": {"crm_deal": {"date_modify": "changed"}},
    }
    try:
        answer = dbtRunner().invoke(
            ["source", "freshness", "--log-level", "none", "--vars", json.dumps(variables)]
        )
    finally:
        DuckDBConnectionManager.close_all_connections()
    assert answer.success
    newest = {
        one.node.name: one.max_loaded_at.isoformat()
        for one in answer.result.results
        # dbt lists the hook of the project too
        if one.node.resource_type == "source"
    }
    assert newest.pop("crm_activity") == "2026-11-01T09:00:00+00:00"
    assert len(newest) == 14
    assert set(newest.values()) == {"2026-10-31T07:00:00+00:00"}
