"""A field of deals or leads becomes a segment type, with no model edited.

That every figure of such a segment is right is for the oracle: two variants of the random portals
have one (`portals.VARIANTS`). Here is the way from the portal's column to what people read.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from bitrix24_effectiveness.configuration import OWN_SEGMENT_TYPES
from bitrix24_effectiveness.demo import generate
from running import REPOSITORY, MiniProject, databases, long, run_command

VARS = "{custom_segments: {branch: {table: crm_lead, column: UF_CRM_BRANCH}}}"
BRANCHES = "['North', '  North ', 'South', '', null]"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The demo portal with a field of its own at leads, built by the real project."""
    folder = tmp_path_factory.mktemp("custom_segments")
    env = databases(folder)
    generate(Path(env["CRM_RAW_DB"]), leads=200, seed=1)
    with duckdb.connect(env["CRM_RAW_DB"]) as connection:
        connection.execute("alter table bitrix24.crm_lead add column uf_crm_branch varchar")
        connection.execute(
            "update bitrix24.crm_lead "
            f"set uf_crm_branch = {BRANCHES}[cast(id as bigint) % 5 + 1] "
            "where try_cast(id as bigint) is not null"
        )
    for command in ("build", "publish"):
        answer = run_command("--vars", VARS, command, env=env, cwd=REPOSITORY)
        assert answer.returncode == 0, answer.stderr
    return env


def published(env: dict[str, str], query: str) -> list[tuple]:
    with duckdb.connect(env["CRM_MARTS_DB"], read_only=True) as connection:
        connection.execute("use marts")
        return connection.execute(query).fetchall()


@long
def test_its_metrics_are_those_of_leads_and_deals_and_members_are_trimmed(
    env: dict[str, str],
) -> None:
    rows = published(
        env,
        "select metric_code, list(distinct segment_id order by segment_id) from metric_values "
        "where segment_type = 'branch' group by metric_code order by metric_code",
    )
    members = ["North", "South", "unknown"]
    assert rows == [
        ("average_deal_size", members),
        ("conversion", members),
        ("lost_sales", members),
        ("sales_cycle", members),
    ]


@long
def test_leads_of_a_member_are_those_whose_field_says_so(env: dict[str, str]) -> None:
    leads = published(env, "select lead_id from fct_leads where not is_excluded")
    names = ["North", "North", "South", "unknown", "unknown"]
    expected = Counter(names[int(lead_id) % 5] for (lead_id,) in leads)
    found = dict(
        published(
            env,
            "select segment_id, sum(leads) from metric_conversion "
            "where segment_type = 'branch' and period_grain = 'year' group by segment_id",
        )
    )
    assert found == expected


@long
def test_a_deal_has_the_member_of_its_lead(env: dict[str, str]) -> None:
    won = published(
        env, "select lead_id, has_known_lead, amount from fct_deals where state = 'won'"
    )
    names = ["North", "North", "South", "unknown", "unknown"]
    expected: Counter[str] = Counter()
    for lead_id, is_known, amount in won:
        expected[names[int(lead_id) % 5] if is_known else "unknown"] += amount
    found = dict(
        published(
            env,
            "select segment_id, sum(revenue) from metric_average_deal_size "
            "where segment_type = 'branch' and period_grain = 'year' group by segment_id",
        )
    )
    assert found == expected


@long
def test_it_is_explained(env: dict[str, str], tmp_path: Path) -> None:
    told = run_command(
        "explain", "conversion", "--period", "2026", "--lang", "en", env=env, cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr
    assert "branch" in told.stdout
    assert "North" in told.stdout
    assert "by new and returning clients" in told.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[region]", "var custom_segments is ['region']: it must be a mapping such as"),
        (
            "{region: {table: crm_contact, column: uf_crm_region}}",
            "region: table is crm_contact: it must be crm_deal or crm_lead",
        ),
        ("{region: {table: crm_deal}}", "custom_segments: region: column"),
        ("{region: {table: crm_deal, column: 'a; drop'}}", "it must be the name of a column"),
        (
            "{channel: {table: crm_deal, column: type_id}}",
            "the project has a segment type of this name",
        ),
        ("{My region: {table: crm_deal, column: type_id}}", "it must be a name of small Latin"),
        (
            "{region: {table: crm_lead, column: uf_crm_region}}",
            "custom_segments: region: ",
        ),
        (
            "{region: {table: crm_deal, column: currencyid2}}",
            "has no column currencyid2 in table bitrix24.crm_deal",
        ),
    ],
)
def test_what_cannot_be_a_segment_is_refused_before_anything_is_built(
    mini: MiniProject, given: str, said: str
) -> None:
    answer = mini.run("--vars", f"{{custom_segments: {given}}}", "run")
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "(a bug" not in answer.stderr


def test_names_that_are_taken_are_those_of_the_segment_types_that_have_words() -> None:
    with (REPOSITORY / "seeds/labels.csv").open(encoding="utf-8", newline="") as file:
        named = {
            row["member"]
            for row in csv.DictReader(file)
            if row["column_name"] == "segment_type" and row["member"]
        }
    assert named == set(OWN_SEGMENT_TYPES)
