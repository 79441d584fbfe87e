"""A part of the project can be built by hand in an empty warehouse, as the README says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner

from running import REPOSITORY, long


@long
def test_tests_of_one_metric_read_nothing_but_what_it_is_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    listed = dbtRunner().invoke(
        [
            *("--quiet", "ls", "--project-dir", str(REPOSITORY), "--select", "+metric_ltv"),
            *("--output", "json", "--output-keys", "unique_id depends_on resource_type"),
        ]
    )
    nodes = {node["unique_id"]: node for node in map(json.loads, listed.result)}
    tests = [node for node in nodes.values() if node["resource_type"] == "test"]
    assert len(tests) > 100
    read = {name for test in tests for name in test["depends_on"]["nodes"]}
    assert read <= set(nodes)
