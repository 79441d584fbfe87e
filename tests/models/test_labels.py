"""Every published column, and every code in one, has words for people in both languages."""

import csv
import re
from collections import defaultdict

import duckdb
import pytest

from bitrix24_effectiveness.warehouse.kept import KEPT
from running import REPOSITORY

NAMES = {"CRM", "LTV", "CAC", "ROI", "UTM", "ID", "UTC", "JSON", "SQL"}
"""What is written in Latin letters in Russian too."""

# texts with few values that are no codes of this project: what people or the portal wrote, names
# that stand beside their id, whole sentences, and settings of the run
NO_CODES = re.compile(
    r"(\w+_)?(id|key|name|name_en|name_ru|en|ru)|segment_id|what|details|advice_\w+|note|message"
    r"|work_position|utm_\w+|original_currency|base_currency|reporting_timezone|data_source"
    r"|seeds_source|raw_row|run_key|warning|families_missing|measure|lost_from_stage|formula"
    r"|article_section|headline_column|record_kinds|gives|measured|table_name|date_column"
    r"|condition|chat_connector|department_name|model|version|command|why|how_known|member"
    r"|entity_name|column_name|reason"
)


@pytest.fixture(scope="module")
def marts(demo_portal):
    with duckdb.connect(demo_portal.env["CRM_MARTS_DB"], read_only=True) as connection:
        connection.execute("use marts")
        yield connection


@pytest.fixture(scope="module")
def columns(marts):
    """Type of every published column, by table and column."""
    return {
        (table, column): kind
        for table, column, kind in marts.execute(
            "select table_name, column_name, data_type from duckdb_columns() "
            "where database_name = current_database() and schema_name = 'marts'"
        ).fetchall()
    }


def seed():
    with (REPOSITORY / "seeds/labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_published_column_has_a_label_in_both_languages(marts, columns):
    labels = {
        (table, column): (english, russian)
        for table, column, english, russian in marts.execute(
            "select table_name, column_name, label_en, label_ru from column_labels"
        ).fetchall()
    }
    assert columns.keys() - labels.keys() == set()
    assert [key for key, words in labels.items() if not all(words)] == []


def test_a_label_is_of_a_column_that_is_published(marts, columns):
    kept = {(table, column) for table, (_, found) in KEPT.items() for column in found}
    labels = marts.execute("select table_name, column_name from column_labels").fetchall()
    assert set(labels) - columns.keys() - kept == set()


def test_tables_that_are_kept_over_runs_have_labels_for_all_their_columns(marts):
    of_table = defaultdict(set)
    for table, column in marts.execute(
        "select table_name, column_name from column_labels"
    ).fetchall():
        of_table[table].add(column)
    assert {table: of_table[table] for table in KEPT} == {
        table: set(found) for table, (_, found) in KEPT.items()
    }


def test_no_words_are_left_over(marts, columns):
    kept = {(table, column) for table, (_, found) in KEPT.items() for column in found}
    known = columns.keys() | kept
    names = {column for _, column in known}
    assert [
        row
        for row in seed()
        if (row["table_name"] and (row["table_name"], row["column_name"]) not in known)
        or row["column_name"] not in names
    ] == []


def test_a_russian_label_is_russian():
    latin = {
        word
        for row in seed()
        for word in re.findall("[A-Za-z]+", row["label_ru"])
        if word not in NAMES
    }
    assert latin == set()
    strangers = [row for row in seed() if re.search("[А-Яа-яЁё]", row["label_en"])]
    assert strangers == []


def test_labels_are_short_enough_for_the_header_of_a_column():
    assert [
        row
        for row in seed()
        if not row["member"] and max(len(row["label_en"]), len(row["label_ru"])) > 46
    ] == []


def test_columns_of_one_table_have_labels_of_their_own(marts):
    for language in ("en", "ru"):
        assert (
            marts.execute(
                f"select table_name, label_{language}, list(column_name) from column_labels "
                "group by all having count(*) > 1"
            ).fetchall()
            == []
        )


def test_every_code_in_the_marts_of_the_demo_has_labels(marts, columns):
    labelled = set(
        marts.execute("select table_name, column_name, member from member_labels").fetchall()
    )
    coded = {(table, column) for table, column, _ in labelled}
    missing = []
    for (table, column), kind in sorted(columns.items()):
        is_coded = (table, column) in coded
        if not is_coded and (kind != "VARCHAR" or NO_CODES.fullmatch(column)):
            continue
        if table in ("column_labels", "member_labels"):
            continue
        members = {
            str(member)
            for (member,) in marts.execute(
                f'select distinct "{column}" from "{table}" where "{column}" is not null'
            ).fetchall()
        }
        if column.endswith("_id") and is_coded:
            # what is labelled of ids is what the project calls unknown
            members &= {"unknown", "all"}
        missing += [
            (table, column, member)
            for member in sorted(members)
            if (table, column, member) not in labelled
        ]
    assert missing == []


def test_segments_have_their_names_in_both_languages(marts):
    rows = marts.execute(
        "select distinct segment_type, segment_id from metric_values "
        "union select distinct segment_type, segment_id from metric_contributions"
    ).fetchall()
    names = {
        (kind, member): tuple(words)
        for kind, member, *words in marts.execute(
            "select segment_type, segment_id, segment_type_en, segment_type_ru, "
            "segment_name_en, segment_name_ru from dim_segments"
        ).fetchall()
    }
    assert set(rows) - names.keys() == set()
    assert names["client_type", "company"] == (
        "Client type", "Тип клиента", "Company", "Компания",
    )  # fmt: skip
    assert names["channel", "unknown"] == ("Channel", "Канал", "Unknown", "Не указано")
    # each name of the project's own is another word in the other language
    for (kind, _), (type_en, type_ru, name_en, name_ru) in names.items():
        assert type_en != type_ru
        if kind not in ("channel", "pipeline", "employee") and name_en != "CRM":
            assert name_en != name_ru
