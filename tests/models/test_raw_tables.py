"""The raw tables are listed twice, since dbt cannot loop over its sources: both lists are one."""

from __future__ import annotations

import re

from bitrix24_effectiveness.project import Project
from running import REPOSITORY


def listed() -> dict[str, str]:
    """Raw table -> what its models are called after, as `raw_tables()` has them."""
    text = (REPOSITORY / "macros/raw/raw_tables.sql").read_text("utf-8")
    return dict(re.findall(r"\('(\w+)', '(\w+)'\)", text))


def test_the_list_that_models_loop_over_is_that_of_the_sources() -> None:
    assert list(listed()) == list(Project(REPOSITORY, {}).raw_tables)


def test_each_raw_table_is_read_by_its_base_model_and_by_no_other() -> None:
    found = {
        path.stem: path.read_text("utf-8").strip()
        for path in REPOSITORY.glob("models/**/*.sql")
        if re.search(r"source\(|raw_table\(", path.read_text("utf-8"))
    }
    assert found == {
        f"base_bitrix24__{entity}": f"{{{{ typed_raw_table('{table}') }}}}"
        for table, entity in listed().items()
    } | {
        f"base_journal__{table.removeprefix('journal_')}": f"{{{{ typed_raw_table('{table}') }}}}"
        for table in Project(REPOSITORY, {}).journal_tables
    }
