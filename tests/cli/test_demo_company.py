"""The made-up company goes with its made-up portal, and with no other."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bitrix24_effectiveness.demo import GO_LIVE, generate, seed_files, settled
from bitrix24_effectiveness.demo.company import SEEDS
from bitrix24_effectiveness.project import Project
from running import REPOSITORY, databases, write_raw

COMPANY = (
    "costs",
    "business_processes",
    "loss_reasons",
    "manual_baseline",
    "exchange_rates",
    "price_index",
    "goals",
    "alerts",
)


def project_in(folder: Path, given_vars: dict | None = None, **env: str) -> Project:
    return Project(REPOSITORY, given_vars or {}, databases(folder) | env)


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("name", COMPANY)
def test_what_a_company_must_fill_in_ships_with_its_header_alone(name: str) -> None:
    assert len(rows(REPOSITORY / "seeds" / f"{name}.csv")) == 1


def test_no_go_live_ships() -> None:
    assert Project(REPOSITORY, {}).default_vars["crm_go_live_date"] == ""


def test_what_ships_filled_names_no_stage_or_line_of_a_certain_portal() -> None:
    for name in ("channels", "lead_outcomes"):
        for row in rows(REPOSITORY / "seeds" / f"{name}.csv"):
            assert not row[0].startswith("UC_"), row
            assert "|" not in row[0], row


def test_the_demo_has_files_with_the_headers_that_ship() -> None:
    for path in SEEDS.glob("*.csv"):
        assert rows(path)[0] == rows(REPOSITORY / "seeds" / path.name)[0]
        assert len(rows(path)) > 1


def test_the_demo_portal_comes_with_its_company(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    generate(project.raw_db, leads=20)
    found = settled(project)
    assert found.seeds_dir == tmp_path / "demo_seeds"
    names = {path.stem: path.read_bytes() for path in found.seeds_dir.glob("*.csv")}
    assert names == {name: path.read_bytes() for name, path in seed_files(REPOSITORY).items()}
    assert (found.vars["crm_go_live_date"], found.vars["gross_margin_rate"]) == (GO_LIVE, 0.35)
    assert (found.vars["data_source"], found.vars["seeds_source"]) == ("demo", "demo")


def test_another_portal_gets_nothing_of_it(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw.duckdb")
    found = settled(project_in(tmp_path))
    assert found.seeds_dir == REPOSITORY / "seeds"
    assert (found.vars["crm_go_live_date"], found.vars["gross_margin_rate"]) == ("", "")
    assert found.vars["data_source"] == str(tmp_path / "raw.duckdb")
    assert found.vars["seeds_source"] == ""
    assert not (tmp_path / "demo_seeds").exists()
    assert settled(project_in(tmp_path), "my.bitrix24.ru").vars["data_source"] == "my.bitrix24.ru"


def test_what_a_person_sets_comes_first(tmp_path: Path) -> None:
    given = {"crm_go_live_date": "2025-06-01", "data_source": "us"}
    project = project_in(tmp_path, given, CRM_SEEDS_DIR=str(REPOSITORY / "seeds"))
    generate(project.raw_db, leads=20)
    found = settled(project)
    assert found.seeds_dir == REPOSITORY / "seeds"
    assert found.vars["crm_go_live_date"] == "2025-06-01"
    assert (found.vars["data_source"], found.vars["seeds_source"]) == (
        "us",
        str(REPOSITORY / "seeds"),
    )


def test_without_raw_tables_there_is_nothing_to_know_the_demo_by(tmp_path: Path) -> None:
    assert settled(project_in(tmp_path)).vars["crm_go_live_date"] == ""
