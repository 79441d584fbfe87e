"""The ten figures come out the same by other means, which share no line with the models."""

from __future__ import annotations

import duckdb
import pytest

from baselines import computed, differences


@pytest.fixture(scope="module")
def published(demo_portal):
    with duckdb.connect(str(demo_portal.project.marts_db), read_only=True) as connection:
        return connection.execute(
            "select metric_key, value, numerator, denominator, value_status, segment_type = 'all' "
            "from marts.metric_values"
        ).fetchall()


@pytest.mark.parametrize("name", ["duckdb", "polars", "pandas"])
def test_the_figures_of_the_whole_portal_are_those_of_a_script(demo_portal, published, name):
    if name == "polars":
        pytest.importorskip("polars")
    whole = [row[:5] for row in published if row[5]]
    assert differences(computed(name, demo_portal.project.raw_db), whole) == []


def test_the_figures_of_all_segments_are_those_of_a_script(demo_portal, published):
    found = computed("duckdb_all_segments", demo_portal.project.raw_db)
    assert differences(found, [row[:5] for row in published]) == []


def test_a_figure_that_is_off_or_missing_is_found():
    expected = [("a", 1.0, 1.0, 1.0, "measured"), ("b", None, 0.0, 0.0, "no_data")]
    assert differences(expected, expected) == []
    assert len(differences([("a", 1.0001, 1.0, 1.0, "measured"), expected[1]], expected)) == 1
    assert len(differences([("a", 1.0, 1.0, 1.0, "too_early"), expected[1]], expected)) == 1
    assert len(differences([expected[0], ("b", 0.0, 0.0, 0.0, "no_data")], expected)) == 1
    assert len(differences(expected[:1], expected)) == 1
    assert len(differences([*expected, ("c", None, None, None, "no_data")], expected)) == 1
