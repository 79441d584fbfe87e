"""Dumps of the raw tables -> the raw database: everything arrives as it was, or nothing does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.files import load_files
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from running import REPOSITORY, databases, run_command

DEALS = "ID,STAGE_ID,DATE_CREATE\n1,NEW,2025-01-01T10:00:00+03:00\n"
STATUSES = "ID,ENTITY_ID,STATUS_ID\n1,SOURCE,CALL\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    (dumps / "crm_deal.csv").write_text(DEALS, "utf-8")
    (dumps / "crm_status.csv").write_text(STATUSES, "utf-8")
    return dumps


def load(folder: Path, given_vars: dict | None = None) -> dict[str, int]:
    project = Project(REPOSITORY, given_vars or {})
    return load_files(project, folder, folder.parent / "raw.duckdb", Log("text"))


def rows(folder: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(folder.parent / "raw.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def refusal(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    left = [path.name for path in folder.parent.iterdir() if path != folder]
    assert left == [], "a load that failed leaves nothing behind"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_of_csv_stay_text_and_names_become_lower_case(folder: Path) -> None:
    assert load(folder) == {"crm_deal": 1, "crm_status": 1}
    assert rows(folder, "select id, stage_id, date_create from bitrix24.crm_deal") == [
        ("1", "NEW", "2025-01-01T10:00:00+03:00")
    ]


def test_csv_as_excel_and_others_write_it(folder: Path) -> None:
    text = '\ufeffID;TITLE;STAGE_ID\r\n1;"say ""hi"";\r\nbye";NEW\r\n2;;WON\r\n'
    (folder / "crm_deal.csv").write_bytes(text.encode())
    load(folder)
    assert rows(folder, "select * from bitrix24.crm_deal order by id") == [
        ("1", 'say "hi";\r\nbye', "NEW"),
        ("2", None, "WON"),
    ]


def test_compressed_csv(folder: Path) -> None:
    (folder / "crm_lead.csv.gz").write_bytes(gzip.compress(b"ID,STATUS_ID\n5,NEW\n6,JUNK\n"))
    assert load(folder)["crm_lead"] == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users.json", '[{"ID": "1", "D": "2025-01-01T10:00:00+03:00", "L": [7]}, {"ID": 2}]'),
        ("users.jsonl", '{"ID": "1", "D": "2025-01-01T10:00:00+03:00", "L": [7]}\n{"ID": 2}\n'),
        ("users.ndjson", '{"ID": "1", "D": "2025-01-01T10:00:00+03:00", "L": [7]}\n{"ID": 2}\n'),
    ],
)
def test_json_keeps_offsets_and_nested_values(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, "utf-8")
    load(folder)
    assert rows(folder, "select id, d, l from bitrix24.users order by id") == [
        ("1", "2025-01-01T10:00:00+03:00", "[7]"),
        ("2", None, None),
    ]


def test_parquet_keeps_its_types(folder: Path) -> None:
    duckdb.sql(
        "select 7 as ID, timestamptz '2025-01-01 10:00:00+03' as CREATED_DATE"
    ).write_parquet(str(folder / "tasks.parquet"))
    load(folder)
    assert rows(folder, "select id, epoch(created_date) from bitrix24.tasks") == [(7, 1735714800.0)]


def test_every_row_arrives(folder: Path) -> None:
    lines = [f"{i},NEW,2025-01-01" for i in range(30_000)]
    (folder / "crm_deal.csv").write_text("id,stage_id,date_create\n" + "\n".join(lines), "utf-8")
    assert load(folder)["crm_deal"] == 30_000
    assert rows(folder, "select count(distinct id) from bitrix24.crm_deal") == [(30_000,)]


def test_files_with_other_names_are_named_and_skipped(folder: Path, capsys) -> None:
    (folder / "notes.txt").write_text("hello", "utf-8")
    (folder / "crm_deals.csv").write_text(DEALS, "utf-8")
    assert load(folder) == {"crm_deal": 1, "crm_status": 1}
    said = capsys.readouterr().err
    assert "notes.txt: skipped" in said
    assert "crm_deals.csv: skipped" in said


def test_names_of_the_portal_are_mapped_by_the_var(folder: Path) -> None:
    (folder / "crm_deal.csv").rename(folder / "b24_deals.csv")
    assert "b24_deals" in load(folder, {"raw_identifiers": {"crm_deal": "b24_deals"}})


def test_a_load_replaces_the_whole_database(folder: Path) -> None:
    (folder / "users.csv").write_text("ID\n1\n", "utf-8")
    load(folder)
    (folder / "users.csv").unlink()
    load(folder)
    assert rows(folder, "select table_name from duckdb_tables() order by 1") == [
        ("crm_deal",),
        ("crm_status",),
    ]


def test_a_failed_load_leaves_the_last_database(folder: Path) -> None:
    load(folder)
    before = (folder.parent / "raw.duckdb").read_bytes()
    (folder / "crm_deal.csv").write_text(DEALS + "2,NEW\n", "utf-8")
    with pytest.raises(ConfigurationError):
        load(folder)
    assert (folder.parent / "raw.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DEALS.encode() + b"2,NEW\n", "crm_deal.csv: line 3 has 2 values, the header has 3"),
        (DEALS.encode() + b"2,NEW,,x\n", "crm_deal.csv: line 3 has 4 values, the header has 3"),
        (
            DEALS.encode() + b'2,"NEW,2025-01-01\n',
            "crm_deal.csv: line 3 opens a quote that is never closed",
        ),
        (DEALS.encode() + "2,Новая,\n".encode("cp1251"), "line 3 is not UTF-8"),
        ("ID,Стадия\n".encode("cp1251"), "crm_deal.csv: line 1 is not UTF-8"),
        (b"", "crm_deal.csv: is empty, not even a header"),
        (b"ID,STAGE_ID,id\n", "crm_deal.csv: column id is there twice"),
        (b"ID,,STAGE_ID\n", "crm_deal.csv: a column of the header has no name"),
    ],
)
def test_a_bad_csv_is_named_with_its_line(folder: Path, content: bytes, message: str) -> None:
    (folder / "crm_deal.csv").write_bytes(content)
    assert message in refusal(folder)


def test_text_in_cp1251_comes_with_the_way_out(folder: Path) -> None:
    (folder / "crm_deal.csv").write_bytes("ID,Стадия\n".encode("cp1251"))
    assert "iconv -f cp1251 -t utf-8" in refusal(folder)


def test_other_broken_files(folder: Path) -> None:
    (folder / "users.parquet").write_bytes(b"not parquet at all")
    assert "users.parquet: " in refusal(folder)
    (folder / "users.parquet").unlink()
    (folder / "users.json").write_text('[{"ID": 1}', "utf-8")
    assert "users.json: " in refusal(folder)
    (folder / "users.json").write_text(json.dumps({"result": [{"ID": 1}], "total": 1}), "utf-8")
    assert "whole REST answer" in refusal(folder)
    (folder / "users.json").unlink()
    (folder / "users.csv.gz").write_bytes(b"not gzip at all")
    assert "users.csv.gz: cannot be read" in refusal(folder)


def test_a_required_table_must_be_there(folder: Path) -> None:
    (folder / "crm_deal.csv").unlink()
    assert "no file for the required raw table crm_deal" in refusal(folder)


def test_two_files_of_one_table_are_refused(folder: Path) -> None:
    (folder / "crm_deal.jsonl").write_text('{"ID": 1}', "utf-8")
    assert "crm_deal.csv and crm_deal.jsonl are both crm_deal" in refusal(folder)


def test_no_such_folder(tmp_path: Path) -> None:
    answer = run_command("load-files", "nowhere", env=databases(tmp_path), cwd=REPOSITORY)
    assert (answer.returncode, answer.stderr) == (2, "error: nowhere: no such folder\n")
