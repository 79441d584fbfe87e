"""Nothing that dbt does changes the files of seeds, which hold what people know."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from running import MiniProject


@pytest.mark.parametrize("is_relative", [True, False], ids=["relative", "absolute"])
def test_dbt_writes_over_no_seed(
    mini: MiniProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_relative: bool
) -> None:
    company = tmp_path / "the company's"
    company.mkdir()
    seed = company / "exchange_rates.csv"
    # Excel ends lines so
    seed.write_bytes(b"currency,base_currency,valid_from,rate\r\nEUR,RUB,2025-02-01,90.5\r\n")
    before = seed.read_bytes()
    path = os.path.relpath(company, mini.folder) if is_relative else str(company)
    for name, value in (mini.env | {"CRM_SEEDS_DIR": path}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(mini.folder)
    try:
        answer = dbtRunner().invoke(["seed", "--log-level", "none"])
    finally:
        DuckDBConnectionManager.close_all_connections()
    assert seed.read_bytes() == before
    assert answer.success is is_relative
    if is_relative:
        with duckdb.connect(mini.env["CRM_WAREHOUSE_DB"], read_only=True) as connection:
            found = connection.execute("select currency, rate from reference.exchange_rates")
            assert found.fetchall() == [("EUR", 90.5)]
