"""The snippet of docs/bi.md reads what is published, and what is published next."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy.exc import DBAPIError, ProgrammingError

from bitrix24_effectiveness.warehouse.kept import RUN_HISTORY, definition
from running import REPOSITORY, Built


def snippet(name: str) -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / name).read_text("utf-8"), re.DOTALL)
    return found


def published_again(file: Path, sql: str) -> None:
    """Puts another publication in its place, as crm-effect does: by a rename."""
    another = file.with_name("another.duckdb")
    shutil.copy(file, another)
    another.chmod(0o600)
    with duckdb.connect(str(another)) as connection:
        connection.execute(sql)
    another.chmod(0o400)
    os.replace(another, file)


def as_published(built: Built, folder: Path) -> Path:
    """The demo's marts, with the table of runs that the command `run` publishes beside them."""
    file = folder / "crm.duckdb"
    shutil.copy(built.project.marts_db, file)
    columns = "run_id, command, phase, started_at, seconds, status, version"
    values = "'1', 'run', 'build', timestamp '2026-11-25 03:10:00', 8, 'ok', '0.1.0'"
    row = f"insert into marts.run_history ({columns}) values ({values})"
    published_again(file, "; ".join([*definition("marts", RUN_HISTORY), row]))
    return file


@pytest.fixture
def marts(demo_portal: Built, tmp_path: Path) -> Path:
    return as_published(demo_portal, tmp_path)


@pytest.mark.parametrize("name", ["docs/bi.md", "docs/bi.ru.md"])
def test_the_sqlalchemy_snippet_reads_each_publication_without_a_restart(
    name: str, marts: Path
) -> None:
    code = snippet(name).replace("data/crm.duckdb", str(marts))
    found: dict[str, Any] = {}
    exec(code, found)
    with duckdb.connect(str(marts), read_only=True) as connection:
        query = (
            "select period_start, value from marts.metric_values where metric_code = 'conversion' "
            "and period_grain = 'month' and segment_type = 'all' order by period_start"
        )
        assert found["months"] == connection.execute(query).fetchall()
    assert len(found["months"]) > 30

    published_again(marts, "update marts.metric_values set value = 7")
    with found["engine"].connect() as connection:
        values = connection.exec_driver_sql("select distinct value from marts.metric_values").all()
        assert values == [(7.0,)]
        with pytest.raises((ProgrammingError, DBAPIError), match="read-only"):
            connection.exec_driver_sql("delete from marts.metric_values")


def test_both_languages_show_the_same_code() -> None:
    english, russian = (
        re.sub(r"#.*", "", snippet(name)) for name in ("docs/bi.md", "docs/bi.ru.md")
    )
    assert english == russian
