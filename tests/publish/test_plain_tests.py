"""Plain data tests are run in one query a table: each still finds its fault, and shows the rows."""

from __future__ import annotations

import pytest

from running import MiniProject, long, sample

YML = """
models:
  - name: visits
    columns:
      - name: visit_id
        data_tests: [not_null, unique]
      - name: kind
        data_tests:
          - accepted_values:
              arguments: {values: [call]}
      - name: number
        data_tests:
          - accepted_values:
              arguments: {values: [1, 2], quote: false}
      - name: currency
        data_tests:
          - relationships:
              arguments: {to: ref('exchange_rates'), field: currency}
"""
SOUND = [("1", "call", 1, "USD"), ("2", "call", 2, None), ("3", None, None, "USD")]


def write_visits(mini: MiniProject, rows: list[tuple], yml: str = YML) -> None:
    def sql(value: object) -> str:
        return "null" if value is None else repr(value)

    selects = [
        f"select {sql(key)} as visit_id, {sql(kind)} as kind, {sql(number)} as number, "
        f"{sql(currency)} as currency"
        for key, kind, number, currency in rows
    ]
    mini.write("models/marts/visits.sql", " union all ".join(selects))
    mini.write("models/marts/_visits.yml", yml)


def test_tests_that_pass_are_counted_and_keep_no_tables(mini: MiniProject) -> None:
    write_visits(mini, SOUND)
    answer = mini.run("build")
    assert answer.returncode == 0, answer.stderr
    assert " 6 tests" in answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("row", "test", "shown"),
    sample(
        [
            ((None, "call", 1, "USD"), "not_null_visits_visit_id", "kind=call"),
            (("1", "call", 1, "USD"), "unique_visits_visit_id", "unique_field=1, n_records=2"),
            (("4", "letter", 1, "USD"), "accepted_values_visits_kind", "value_field=letter"),
            (("4", "call", 3, "USD"), "accepted_values_visits_number", "value_field=3"),
            (("4", "call", 1, "EUR"), "relationships_visits_currency", "from_field=EUR"),
        ],
    ),
)
def test_a_fault_is_found_by_its_test_and_no_other_and_its_rows_are_shown(
    mini: MiniProject, row: tuple, test: str, shown: str
) -> None:
    write_visits(mini, [*SOUND, row])
    answer = mini.run("build")
    assert answer.returncode == 1
    assert f"test {test}" in answer.stderr
    assert shown in answer.stderr
    assert answer.stderr.count("rows fail") == 1
    assert "the last build failed" in mini.run("publish").stderr


@long
def test_a_test_with_settings_of_its_own_is_left_to_dbt(mini: MiniProject) -> None:
    where = "data_tests: [{not_null: {config: {where: \"kind = 'call'\"}}}, unique]"
    yml = YML.replace("data_tests: [not_null, unique]", where)
    write_visits(
        mini, [*SOUND, (None, "letters", 1, "USD")], yml.replace("[call]", "[call, letters]")
    )
    assert mini.run("build").returncode == 0
    write_visits(mini, [*SOUND, (None, "call", 1, "USD")], yml)
    answer = mini.run("build")
    assert answer.returncode == 1
    assert "test not_null_visits_visit_id" in answer.stderr


def test_a_test_of_a_column_that_is_not_there_is_an_error_of_its_own(mini: MiniProject) -> None:
    write_visits(mini, SOUND, YML.replace("name: kind", "name: sort"))
    answer = mini.run("build")
    assert answer.returncode == 1
    assert "test accepted_values_visits_sort__call: " in answer.stderr
    assert "sort" in answer.stderr.partition(": ")[2]
    assert "1 of " in answer.stderr
    assert "unexpected" not in answer.stderr
