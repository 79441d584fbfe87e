"""CONTRIBUTING's recipes are the whole truth: a metric and a segment type are added by them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from running import REPOSITORY, databases, long, run_command

pytestmark = long

CODE = "repeat_purchases"
ROWS = "purchases,count(*),fct_purchases,purchased_date,period,true"
SEGMENT_TYPE = "original_currency"
LABELS = f""",{CODE},,Repeat purchases,Повторных покупок
,{CODE}_pct,,"Repeat purchases, %","Повторных покупок, %"
,segment_type,{SEGMENT_TYPE},Currency,Валюта
"""

METRIC = """
{%- set segment_types = ['channel', 'client_type'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'repeat_purchases'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

purchases_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        count(*) as purchases,
        count(*) filter (where purchases.purchase_number > 1) as repeat_purchases

    from {{ ref('fct_purchases') }} as purchases

    inner join period_days
        on purchases.purchased_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            ratio('purchases_by_segment.repeat_purchases', 'purchases_by_segment.purchases')
        ) }} as value_status,
        coalesce(purchases_by_segment.purchases, 0) as purchases,
        coalesce(purchases_by_segment.repeat_purchases, 0) as repeat_purchases,
        {{ ratio('purchases_by_segment.repeat_purchases', 'purchases_by_segment.purchases', 100) }}
            as repeat_purchases_pct

    from registry

    left join purchases_by_segment
        on registry.cell_key = purchases_by_segment.cell_key

)

select * from final
"""

CURRENCIES = """
    select distinct
        'original_currency' as segment_type,
        original_currency as segment_id,
        original_currency as segment_name,
        'original_currency' as named_by
    from {{ ref('fct_deals') }}

    union all

"""


class Copy:
    """A copy of the project that a contributor works in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = subprocess.run(
            ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.split()
        for name in names:
            if (REPOSITORY / name).is_file() and not name.startswith(("tests/support", "docs/")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, folder / name)

    def append(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(path.read_text("utf-8") + text, "utf-8")

    def insert(self, name: str, before: str, text: str) -> None:
        path = self.folder / name
        old = path.read_text("utf-8")
        assert before in old
        path.write_text(old.replace(before, text + before, 1), "utf-8")

    def add_metric(self) -> None:
        """How to add a metric, steps 1 to 4."""
        catalog = (REPOSITORY / "seeds/metric_catalog.csv").read_text("utf-8").splitlines()[0]
        told = {
            "metric_code": CODE,
            "name_en": "Repeat purchases",
            "name_ru": "Повторные покупки",
            "formula": "repeat_purchases / purchases x 100",
            "unit": "percent",
            "better_when": "higher",
            "family": "loyalty",
            "article_section": "-",
            "headline_column": "repeat_purchases_pct",
            "basis": "ratio",
            "measure_name_en": "Repeat purchases",
            "measure_name_ru": "Повторные покупки",
            "record_kinds": "clients",
        }
        row = ",".join(told.get(column, "") for column in catalog.split(","))
        self.append("seeds/metric_catalog.csv", f"{row}\n")
        for segment_type in ("all", "channel", "client_type"):
            self.append("seeds/metric_segments.csv", f"{CODE},{segment_type}\n")
        self.append("seeds/metric_rows.csv", f"{CODE}|1,{CODE},{ROWS}\n")
        self.append("seeds/labels.csv", LABELS)
        (self.folder / f"models/marts/metrics/metric_{CODE}.sql").write_text(METRIC, "utf-8")
        path = self.folder / "models/marts/metrics/_metrics__models.yml"
        described = yaml.safe_load(path.read_text("utf-8"))
        columns = described["models"][0]["columns"][:9]
        counts = [
            {"name": name, "data_type": "bigint", "description": name}
            for name in ("purchases", "repeat_purchases")
        ]
        share = {
            "name": "repeat_purchases_pct",
            "data_type": described["models"][0]["columns"][11]["data_type"],
            "description": "Share",
        }
        described["models"].append(
            {
                "name": f"metric_{CODE}",
                "description": "One row per period and segment.",
                "config": {"access": "public", "contract": {"enforced": True}},
                "columns": [*columns, *counts, share],
            }
        )
        path.write_text(yaml.safe_dump(described, allow_unicode=True, width=1000), "utf-8")
        self.insert(
            "models/marts/metrics/metric_values.sql",
            "    ('conversion', ",
            f"    ('{CODE}', '{CODE}_pct', 'repeat_purchases', 'purchases'),\n",
        )

    def add_segment_type(self) -> None:
        """How to add a segment type; the fact has the column already."""
        self.insert(
            "models/marts/core/dim_segments.sql",
            "    select\n        'channel' as segment_type,",
            CURRENCIES.lstrip("\n"),
        )
        self.append("seeds/metric_segments.csv", f"average_deal_size,{SEGMENT_TYPE}\n")
        self.insert("models/staging/reference/_seeds.yml", "process_category]", f"{SEGMENT_TYPE}, ")
        self.insert(
            "models/marts/metrics/metric_average_deal_size.sql",
            "'client_type']",
            f"'{SEGMENT_TYPE}', ",
        )


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A portal that was run by the copy with one metric and one segment type more."""
    folder = tmp_path_factory.mktemp("recipes")
    copy = Copy(folder / "project")
    copy.add_metric()
    copy.add_segment_type()
    env = databases(folder) | {"DBT_PROJECT_DIR": str(copy.folder)}
    run_command("demo", "--leads", "400", "--out", env["CRM_RAW_DB"], env=env, cwd=folder)
    for command in ("build", "publish"):
        answer = run_command(command, env=env, cwd=folder)
        assert answer.returncode == 0, answer.stderr
    return env


def published(env: dict[str, str], query: str) -> list[tuple]:
    with duckdb.connect(env["CRM_MARTS_DB"], read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_an_eleventh_metric_is_in_every_table_of_metrics(env: dict[str, str]) -> None:
    rows = f"from marts.metric_values where metric_code = '{CODE}'"
    found = published(env, f"select distinct segment_type {rows} order by segment_type")
    assert found == [("all",), ("channel",), ("client_type",)]
    assert published(env, f"select count(*) > 20 {rows} and value > 0") == [(True,)]
    scored = f"select count(*) from marts.crm_scorecard where metric_code = '{CODE}'"
    assert published(env, scored) == [(1,)]


def test_an_eleventh_metric_is_explained_and_reported(env: dict[str, str], tmp_path: Path) -> None:
    told = run_command("explain", CODE, "--period", "2026", "--lang", "en", env=env, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "repeat_purchases / purchases × 100" in told.stdout
    assert "fct_purchases" in told.stdout
    assert "by channel" in told.stdout and "by type of client" in told.stdout
    assert "Repeat purchases" in run_command("report", "--lang", "en", env=env, cwd=tmp_path).stdout


def test_a_new_segment_type_adds_up_and_is_explained(env: dict[str, str], tmp_path: Path) -> None:
    cells = "from marts.metric_average_deal_size where period_grain = 'year' and segment_type"
    total = published(env, f"select sum(revenue), sum(closed_deals) {cells} = 'all'")
    assert (
        published(env, f"select sum(revenue), sum(closed_deals) {cells} = '{SEGMENT_TYPE}'")
        == total
    )
    told = run_command(
        "explain", "average_deal_size", "--period", "2026", "--lang", "en", env=env, cwd=tmp_path
    )
    assert SEGMENT_TYPE in told.stdout
    assert "pipeline" in told.stdout
