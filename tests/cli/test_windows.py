"""Windows has no fcntl: what the command can do there, and what it says it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import replaced_when_done
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.duckdb_files import DuckDBFiles
from running import REPOSITORY

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules["fcntl"] = None
import bitrix24_effectiveness as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""


def test_every_module_imports_without_fcntl() -> None:
    subprocess.run([sys.executable, "-c", IMPORT_ALL], check=True)


def test_it_says_that_it_cannot_publish_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigurationError, match="only demo, load-files, guard and build"):
        DuckDBFiles(Project(REPOSITORY, {})).check_publishes()


def test_a_file_is_replaced_there_without_signals_to_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(os, "kill")
    (tmp_path / f".file.{os.getppid()}.unfinished").touch()
    with replaced_when_done(tmp_path / "file") as unfinished:
        unfinished.write_text("new", "utf-8")
    assert (tmp_path / "file").read_text("utf-8") == "new"
