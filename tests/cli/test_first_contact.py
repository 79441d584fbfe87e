"""What a stranger meets first: the version, what Git leaves alone, where the documentation is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import date

import pytest

from bitrix24_effectiveness.demo.company import DEMO, GO_LIVE
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.report import compared
from running import REPOSITORY, Built, run_command

DOCUMENTS = [*REPOSITORY.glob("README*.md"), *(REPOSITORY / "docs").glob("*.md")]
# what commands of the documentation write
MADE = (
    r"load-files (\w+)",
    r"CRM_RAW_DB=([\w.]+)",
    r"--out ([\w.]+)",
    r"CRM_SEEDS_DIR=([\w/]+)",
    r"cp -r seeds (\w+)",
    r"journal init (\w+)",
    r"CRM_JOURNAL_DIR=(\w+)",
)


def test_the_version_is_that_of_the_dbt_project() -> None:
    answer = run_command("--version", env={}, cwd=REPOSITORY)
    assert answer.stdout == f"crm-effect {Project(REPOSITORY, {}).version}\n"
    assert answer.returncode == 0


def is_ignored(names: list[str]) -> dict[str, bool]:
    # of names alone: nothing of the kind is in a fresh clone
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        input="\n".join(names),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    found = set(answer.stdout.splitlines())
    return {name: name in found for name in names}


needs_git = pytest.mark.skipif(
    not (REPOSITORY / ".git").exists() or not shutil.which("git"), reason="no checkout of Git"
)


@needs_git
def test_git_leaves_alone_what_the_documentation_has_a_company_make() -> None:
    made = {
        name
        for file in DOCUMENTS
        for pattern in MADE
        for name in re.findall(pattern, file.read_text("utf-8"))
    }
    made -= {"seeds", "demo_seeds"}
    assert {"my_seeds", "my_dumps", "portal.duckdb", "journal"} <= made
    files = [name if "." in name else f"{name}/costs.csv" for name in sorted(made)]
    assert {name for name, ignored in is_ignored(files).items() if not ignored} == set()


@needs_git
def test_git_leaves_alone_what_lies_beside_the_files_of_a_run() -> None:
    beside = [
        *("portal.duckdb.loading/x", "portal.duckdb.wal", ".portal.duckdb.12.unfinished"),
        *("warehouse.duckdb.lock", "warehouse.duckdb.pid", "warehouse.duckdb.build.json"),
        *("warehouse.duckdb.run.json", "raw.truth.json", ".env", "profiles.yml"),
        *("examples/extend/dbt_packages/x", "examples/extend/data/crm.duckdb"),
    ]
    assert {name for name, ignored in is_ignored(beside).items() if not ignored} == set()


@needs_git
def test_git_leaves_nothing_out_that_is_part_of_the_project() -> None:
    names = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [name for name, ignored in is_ignored(names).items() if ignored] == []


def test_make_docs_says_where_they_are() -> None:
    # as a person calls it, also where make runs the tests
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    answer = subprocess.run(
        ["make", "--dry-run", "docs"],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    last = answer.stdout.strip().splitlines()[-1]
    assert last == 'echo "the documentation: target/static_index.html"'


# -- whose figures they are


@pytest.mark.parametrize(
    ("code", "whose", "go_live"),
    [
        ("en", "Data: the demo portal, which is made up", "the default of the demo"),
        ("ru", "Данные: демонстрационный портал, всё вымышлено", "по умолчанию для демонстрации"),
    ],
)
def test_the_first_line_says_whose_data_it_is_and_the_next_what_was_assumed(
    demo_portal: Built, code: str, whose: str, go_live: str
) -> None:
    first, seeds, third = demo_portal.run("report", "--lang", code).stdout.strip().splitlines()[:3]
    assert whose in first
    assert ("2026" in first) and ("Europe/Moscow" in first)
    assert ("demo's made-up company" if code == "en" else "вымышленной компании") in seeds
    assert go_live in third


def said(language: str, go_live: str | None, **settings: str) -> str:
    verdict = {"go_live_date": go_live and date.fromisoformat(go_live)}
    (line,) = compared(verdict, settings, Language(language, "report"))
    return line


def test_a_go_live_that_a_person_gave_is_no_default() -> None:
    assert "default" in said("en", GO_LIVE, data_source=DEMO)
    assert "default" not in said("en", "2025-06-01", data_source=DEMO)
    assert "default" not in said("en", GO_LIVE, data_source="my.bitrix24.ru")
    assert "not set (var crm_go_live_date)" in said("en", None, data_source=DEMO)
    assert "не задана" in said("ru", None, data_source="my.bitrix24.ru")
