"""What a publication changes of the past is kept with its cause, and said when it is much.

The marts of the demo portal are changed in the warehouse and published anew: no portal is built.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.build import kept_passed, passed_marts, passed_settings, record
from bitrix24_effectiveness.changes import Changes, keep_changes, settings_of
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish
from running import Built, databases

# a month long ago
MONTH = "period_grain = 'month' and period_start = date '2026-03-01' and segment_type = 'all'"
DEAL_SIZE = f"metric_code = 'average_deal_size' and {MONTH}"
RAISED = (
    "update marts.metric_values set value = value * 1.2, numerator = numerator * 1.2 "
    f"where {DEAL_SIZE}"
)


@dataclass
class Portal:
    """A copy of the demo portal's warehouse and of what was published of it."""

    project: Project
    log: Log

    def build(self, *statements: str, **settings: Any) -> None:
        """Makes of the marts what another build would have made, of other settings perhaps."""
        known = passed_settings(self.project) or {}
        marts = passed_marts(self.project)
        with duckdb.connect(str(self.project.warehouse_db)) as connection:
            for statement in statements:
                assert connection.execute(statement).fetchall() != [(0,)], "nothing was changed"
        record(self.project, "passed", marts, known | settings)

    def compare(self, *statements: str, **settings: Any) -> Changes | None:
        """Does of a publication of such marts the comparison alone."""
        self.build(*statements, **settings)
        with kept_passed(self.project):
            return keep_changes(self.project, passed_settings(self.project))

    def publish(self, *statements: str) -> Changes | None:
        self.build(*statements)
        return publish(self.project, self.log).changes

    def kept(self, columns: str) -> list[tuple]:
        with duckdb.connect(str(self.project.warehouse_db), read_only=True) as connection:
            return connection.execute(
                f"select {columns} from quality.metric_changes order by found_at, metric_key"
            ).fetchall()


@pytest.fixture
def portal(demo_portal: Built, tmp_path: Path) -> Portal:
    paths = {name: value for name, value in databases(tmp_path).items() if name.endswith("_DB")}
    project = demo_portal.project
    for name in ("CRM_WAREHOUSE_DB", "CRM_MARTS_DB"):
        shutil.copy(demo_portal.env[name], paths[name])
    copy = replace(project, environment=project.environment | paths)
    record(copy, "passed", passed_marts(project), passed_settings(project))
    return Portal(copy, Log("json"))


def told(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return [line for line in lines if line["event"] != "published"]


def test_the_same_marts_change_nothing(portal: Portal) -> None:
    assert portal.compare() == Changes(0, [])
    assert portal.kept("*") == []


def test_late_rows_are_told_by_rows_that_were_not_there(portal: Portal) -> None:
    changes = portal.compare(
        "insert into marts.fct_deals by name select * replace (deal_id || '9999' as deal_id) "
        "from marts.fct_deals where won_date between '2026-03-01' and '2026-03-31' limit 2",
        RAISED,
    )
    assert changes is not None
    (change,) = changes.of_all
    assert (change.metric_code, f"{change.period_start}") == ("average_deal_size", "2026-03-01")
    assert change.change_pct == pytest.approx(20)
    assert change.why == "late_rows"
    columns = "metric_code, segment_id, why, how_known, new_value / old_value"
    (kept,) = portal.kept(columns)
    assert kept[:4] == (
        "average_deal_size",
        "all",
        "late_rows",
        "rows of its dates that were not there before: 2",
    )
    assert kept[4] == pytest.approx(1.2)


def test_deleted_rows_are_told_by_rows_that_are_gone(portal: Portal) -> None:
    portal.compare(
        "delete from marts.fct_demand_units "
        "where created_date between '2026-03-01' and '2026-03-05' and not is_excluded",
        "update marts.metric_values set value = value * 1.1, denominator = denominator / 1.1 "
        f"where metric_code = 'conversion' and {MONTH}",
        RAISED,
    )
    found = portal.kept("metric_code, why, how_known")
    assert [row[:2] for row in found] == [
        ("average_deal_size", "changed_rows"),
        ("conversion", "deleted_rows"),
    ]
    assert "something in them has changed" in found[0][2]
    assert found[1][2].startswith("rows of its dates that are no longer there: ")


@pytest.mark.parametrize(
    ("settings", "why", "how"),
    [
        ({"vars": {"as_of": "x"}}, "changed_settings", "var as_of"),
        ({"seeds": {"costs.csv": "x"}}, "changed_settings", "seed costs.csv"),
        ({"version": "99"}, "new_version", "version {version} before, 99 now"),
        ({"code": "x"}, "new_version", "models of version {version} were changed"),
    ],
)
def test_settings_and_versions_that_differ_are_named(
    portal: Portal, settings: dict[str, Any], why: str, how: str
) -> None:
    known = settings_of(portal.project)
    changed = {
        name: known[name] | value if isinstance(value, dict) else value
        for name, value in settings.items()
    }
    portal.compare(RAISED, **changed)
    ((code, words),) = portal.kept("why, how_known")
    assert code == why
    assert how.format(version=portal.project.version) in words


def test_several_causes_are_all_named(portal: Portal) -> None:
    portal.compare(
        "insert into marts.fct_deals by name select * replace (deal_id || '9999' as deal_id) "
        "from marts.fct_deals where won_date between '2026-03-01' and '2026-03-31' limit 1",
        RAISED,
        version="99",
    )
    assert portal.kept("why") == [("late_rows, new_version",)]


def test_figures_that_are_expected_to_move_are_left_out(portal: Portal) -> None:
    as_of = "(select cast(as_of_at as date) from marts.run_settings)"
    move = (
        "update marts.metric_values set value = coalesce(value, 0) + 1 where segment_type = 'all'"
    )
    changes = portal.compare(
        f"{move} and not is_complete",
        f"{move} and value_status = 'too_early'",
        # answers to the requests of its last days are still to come
        f"{move} and metric_code = 'response_time' and period_end >= {as_of} - 30 and is_complete",
    )
    assert changes == Changes(0, [])
    changes = portal.compare(
        f"{move} and metric_code = 'response_time' and period_grain = 'month' "
        f"and period_end between {as_of} - 70 and {as_of} - 31 and value is not null"
    )
    assert changes is not None
    assert 1 <= len(changes.of_all) <= 2


def test_a_run_says_what_changed_by_more_than_the_threshold_and_publishes_the_rest(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    small = RAISED.replace("1.2", "1.04")
    changes = portal.publish(small)
    assert changes is not None
    assert len(changes.of_all) == 1
    assert told(capsys) == []
    env = portal.project.environment | {"CRM_CHANGE_WARNING": "3.5"}
    Portal(replace(portal.project, environment=env), portal.log).publish(small)
    (warning,) = told(capsys)
    assert (warning["event"], warning["level"], warning["n"]) == ("past_changed", "warning", 1)
    assert "by more than 3.5 %; the first: average_deal_size of 2026-03" in warning["message"]
    # both publications stay on record, and are published with what each column is
    assert len(portal.kept("*")) == 2
    with duckdb.connect(str(portal.project.marts_db), read_only=True) as connection:
        query = "select count(*), count(distinct found_at) from marts.metric_changes"
        assert connection.execute(query).fetchall() == [(2, 2)]
        about = connection.execute(
            "select comment from duckdb_columns() where table_name = 'metric_changes'"
        ).fetchall()
    assert len(about) == 20
    assert all(comment for (comment,) in about)


def test_a_figure_that_came_or_went_is_more_than_any_threshold(portal: Portal) -> None:
    gone = f"update marts.metric_values set value = null, numerator = null where {DEAL_SIZE}"
    changes = portal.compare(gone)
    assert changes is not None
    assert changes.above(1000) == changes.of_all
    assert portal.kept("new_value, change_pct") == [(None, None)]
    portal.compare(f"delete from marts.metric_values where metric_code = 'cac' and {MONTH}")
    assert portal.kept("metric_code, new_value_status") == [
        ("average_deal_size", "measured"),
        ("cac", None),
    ]


def test_a_value_that_stays_is_no_move_whatever_its_parts_do(portal: Portal) -> None:
    changes = portal.compare(
        f"update marts.metric_values set denominator = denominator + 1 where {DEAL_SIZE}",
        # of nothing no percentage can be made
        "update marts.metric_values set denominator = denominator + 1 where metric_code = 'churn' "
        "and value = 0 and value_status = 'measured' and period_grain = 'month'",
    )
    assert changes is not None
    assert changes.figures >= 2
    assert changes.above(0) == []
    assert set(portal.kept("change_pct")) == {(0.0,)}


def test_what_a_publication_that_failed_has_left_gives_way(portal: Portal) -> None:
    portal.compare(RAISED)
    portal.compare(RAISED)
    ((change_pct,),) = portal.kept("change_pct")
    assert change_pct == pytest.approx(44)


@pytest.mark.parametrize(
    "other", ["data_source = 'another portal'", "as_of_at = as_of_at - interval 1 year"]
)
def test_another_portal_and_an_earlier_instant_are_not_compared(portal: Portal, other: str) -> None:
    assert portal.compare(f"update marts.run_settings set {other}", RAISED) is None


def test_what_cannot_be_compared_is_published_all_the_same(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = portal.publish(
        RAISED, "update marts.metric_rows set condition = 'no_such_column' where true"
    )
    assert changes is None
    assert [line["event"] for line in told(capsys)] == ["not_kept"]
    # in whole or not at all
    with duckdb.connect(str(portal.project.warehouse_db)) as connection:
        tables = connection.execute(
            "select count(*) from duckdb_tables() where table_name = 'metric_changes'"
        ).fetchall()
    assert tables == [(0,)]


def test_an_alert_is_told_once_for_a_month(
    portal: Portal, capsys: pytest.CaptureFixture[str]
) -> None:
    def told_of(*statements: str) -> list[str]:
        portal.build(*statements)
        return [alert.alert_id for alert in publish(portal.project, portal.log).alerts]

    found = told_of(
        "insert into marts.alerts values "
        "('size', 'average_deal_size', 'all', 'all', 'above', 1), "
        "('never', 'average_deal_size', 'all', 'all', 'below', 1), "
        "('nobody', 'conversion', 'channel', 'no such channel', 'above', 1)"
    )
    assert found == ["size"]
    (warning,) = told(capsys)
    assert warning["message"] == (
        "alert nobody: conversion has no figures of channel no such channel"
    )
    assert told_of() == []
    # the last complete one
    with duckdb.connect(str(portal.project.marts_db), read_only=True) as connection:
        query = "select alert_id, cast(period_start as varchar), low, high from marts.metric_alerts"
        assert connection.execute(query).fetchall() == [("size", "2026-10-01", None, 1)]
