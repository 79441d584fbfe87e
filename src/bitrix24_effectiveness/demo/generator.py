"""Generator of the demo portal: raw tables in REST form, made set-wise by DuckDB."""

import json
import os
import tempfile
from datetime import date
from importlib import resources
from pathlib import Path

import duckdb

from ..duckdb_file import DEMO_PORTAL, mark
from ..errors import CrmEffectError
from ..project import DEMO_TABLE

DEFAULT_LEADS = 6000
DEFAULT_SEED = 1
DEFAULT_EFFECT = 1.0
FIRST_DAY = date(2023, 11, 1)

# rows of dirt of each kind, as a share of the rows of its table
DIRT_RATE = 0.002
# pages of fifty rows that are delivered twice, as a share of all pages
PAGE_DUPLICATE_RATE = 0.01

# cases made into activities at a time: bounds memory, does not change a row
CHUNK_CASES = 100_000

# What the seeds say of the two windows, at the default size: costs of acquisition (marketing and
# CRM) in the base currency, and the percentage of processes that run by themselves.
SEED_FIGURES = {
    "costs_before": 2_941_712.54,
    "costs_after": 4_633_418.05,
    "automation_before": 20.0,
    "automation_after": 70.0,
}

# metric -> (direction, tolerance, what the figure is). The plan knows neither the exchange rates of
# the seeds nor chance meetings of calls and letters: a metric may differ by the tolerance, percent.
PLANTED = {
    "conversion": ("better", 1, "deals won in the window / leads created in it, percent"),
    "response_time": ("better", 10, "mean minutes from a request to its answer, answered ones"),
    "retention": (
        "better",
        1,
        "percent of a month's opening clients active at its end, all months",
    ),
    "churn": ("better", 2, "percent of a month's clients not active at its end, all months"),
    "cac": ("worse", 2, "marketing and CRM costs of the seeds / new clients, base currency"),
    "sales_cycle": ("better", 2, "mean days from the first contact to the win"),
    "ltv": ("better", 3, "lifetime value at the window's end, base currency"),
    "average_deal_size": ("same", 2, "mean amount of won deals, base currency"),
    "automation_level": ("better", 0, "percent of the processes of the register"),
    "lost_sales": ("better", 5, "lost sales per lead created, base currency"),
}

_OF_SEEDS = ("cac", "automation_level")

_UTM = "utm_source utm_medium utm_campaign"
TABLES = {
    "crm_deal": "id stage_id date_create category_id stage_semantic_id opportunity currency_id "
    "company_id contact_id lead_id source_id assigned_by_id created_by_id type_id begindate "
    "closedate date_modify moved_time closed is_recurring is_return_customer "
    f"is_repeated_approach {_UTM}",
    "crm_lead": "id status_id date_create status_semantic_id source_id opportunity currency_id "
    "company_id contact_id assigned_by_id created_by_id date_modify date_closed moved_time "
    f"is_return_customer has_phone has_email {_UTM}",
    "crm_contact": "id company_id assigned_by_id date_create date_modify has_phone has_email",
    "crm_company": "id assigned_by_id date_create date_modify has_phone has_email",
    "crm_deal_stage_history": "id type_id owner_id created_time category_id stage_id "
    "stage_semantic_id",
    "crm_lead_status_history": "id type_id owner_id created_time status_id status_semantic_id",
    "crm_activity": "id owner_id owner_type_id type_id provider_id provider_type_id direction "
    "created start_time end_time deadline last_updated completed responsible_id author_id "
    "is_incoming_channel result_status associated_entity_id result_source_id",
    "openline_message": "id session_id sender_id sender_kind sent_at",
    "telephony_call": "id call_type call_duration call_start_date call_failed_code "
    "portal_user_id crm_entity_type crm_entity_id crm_activity_id",
    "crm_status": "id entity_id status_id name sort semantics category_id extra",
    "crm_category": "id name sort is_default",
    "crm_currency": "currency amount_cnt amount base",
    "users": "id active name last_name work_position uf_department user_type",
    "departments": "id name",
    "tasks": "id status created_date closed_date deadline responsible_id created_by uf_crm_task",
}


HABITS = {
    "calls_not_connected": "employees 11 and 12 call clients from private phones",
    "deals_won_at_once": "employees 14, 15 and 16, the department 4, enter a deal when it is won",
    "leads_not_moved": "of website leads that come to nothing hardly any is looked at",
}
"""Finding -> what the company does, before the go-live and after it, that raises it."""


class DemoError(CrmEffectError):
    """The demo portal cannot be written; the message is one line for the user."""


def generate(
    out: Path,
    leads: int = DEFAULT_LEADS,
    seed: int = DEFAULT_SEED,
    effect: float = DEFAULT_EFFECT,
) -> dict[str, int]:
    """Write the demo portal to a DuckDB file, and the planted truth beside it.

    The file gets the schema `bitrix24` with all raw tables, every column text, and beside it the
    mark by which a later demo portal may take its place. The truth is
    `<stem>.truth.json` in the same folder. Each appears whole or not at all.

    Args:
        out: DuckDB file to write; an existing one is replaced, its folder is made.
        leads: number of leads before dirt and duplicated pages, at least 1.
        seed: the same leads, seed and effect give the same rows (their order in the file may
            differ).
        effect: how much of the planted effect there is, from 0 (people work after the go-live as
            before) to 1. What the seeds say (costs, automated processes) stays as it is.

    Returns:
        Number of rows of each raw table.

    Raises:
        DemoError: leads, seed or effect out of range, or the file cannot be written.
    """
    if leads < 1:
        raise DemoError(f"the number of leads must be at least 1, not {leads}")
    if not 0 <= seed < 2**31:
        raise DemoError(f"the seed must be between 0 and {2**31 - 1}, not {seed}")
    if not 0 <= effect <= 1:
        raise DemoError(f"the effect must be between 0 and 1, not {effect}")
    out = Path(out)
    truth_file = out.with_name(f"{out.stem}.truth.json")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # beside the target: a rename is atomic only within one file system
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            part = Path(folder) / "raw.duckdb"
            truth_part = Path(folder) / "truth.json"
            with duckdb.connect(str(part)) as connection:
                counts, truth = write(connection, leads, seed, effect, habits=True)
                # it travels with the raw tables, where the mark stays with the file: see company.py
                connection.execute(
                    f"create table bitrix24.{DEMO_TABLE} as "
                    f"select {leads} as leads, {seed} as seed, {effect} as effect"
                )
                mark(connection, DEMO_PORTAL, leads=leads, seed=seed, effect=effect)
            truth_part.write_text(
                json.dumps(truth, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
            )
            os.replace(part, out)
            os.replace(truth_part, truth_file)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = str(error).splitlines()[0]
        raise DemoError(f"cannot write the demo portal to {out}: {reason}") from error
    return counts


def write(
    connection: duckdb.DuckDBPyConnection,
    leads: int,
    seed: int,
    effect: float,
    first_day: date = FIRST_DAY,
    scatter: float = 0.0,
    habits: bool = False,
) -> tuple[dict[str, int], dict]:
    """Writes the raw tables into the schema `bitrix24`, which it makes, of the current database.

    The leads come evenly from `first_day` (the portal's own date) to the end of October 2026: on
    the same days whatever the seed. With `scatter` each comes up to half as many places sooner or
    later, so that portals differ in who comes on a holiday. With `habits` people work, before the
    go-live and after it, so that findings are raised: see `HABITS`.

    Returns:
        Number of rows of each raw table, and the planted truth.
    """
    connection.execute("set memory_limit = '4GB'")
    connection.execute("set preserve_insertion_order = false")
    for name, value in {
        "seed": seed,
        "leads": leads,
        "effect": effect,
        "scatter": scatter,
        "habits": habits,
        "dirt_rate": DIRT_RATE,
        "page_duplicate_rate": PAGE_DUPLICATE_RATE,
    }.items():
        connection.execute(f"set variable {name} = {value}")

    connection.execute(f"set variable first_day = date '{first_day}'")

    connection.execute("create schema bitrix24")
    for table, columns in TABLES.items():
        typed = ", ".join(f"{column} varchar" for column in columns.split())
        connection.execute(f"create table bitrix24.{table} ({typed})")
    connection.execute("create temp table plan_requests (started_at bigint, responded_at bigint)")

    for script in ("01_setup", "02_cases", "03_histories"):
        connection.execute(_sql(script))
    ((cases,),) = connection.execute("select coalesce(max(case_no), 0) from plan_cases").fetchall()
    activities = _sql("04_activities")
    for first in range(1, cases + 1, CHUNK_CASES):
        connection.execute(f"set variable chunk_from = {first}")
        connection.execute(f"set variable chunk_to = {first + CHUNK_CASES}")
        connection.execute(activities)
    for script in ("05_tables", "06_dirt"):
        connection.execute(_sql(script))

    truth = _truth(connection, leads, seed, effect)
    truth["habits"] = HABITS if habits else {}
    counts = {
        table: connection.execute(f"select count(*) from bitrix24.{table}").fetchall()[0][0]
        for table in TABLES
    }
    return counts, truth


def _truth(connection: duckdb.DuckDBPyConnection, leads: int, seed: int, effect: float) -> dict:
    for name, value in SEED_FIGURES.items():
        connection.execute(f"set variable {name} = {value}")
    connection.execute(_sql("07_truth"))
    found = {
        (window, code): (value, cases)
        for window, code, value, cases in connection.execute(
            "select window_name, metric_code, metric_value, cases from truth_values"
        ).fetchall()
    }
    metrics = {}
    for code, (direction, tolerance_pct, measure) in PLANTED.items():
        before, before_n = found.get(("before", code), (None, 0))
        after, after_n = found.get(("after", code), (None, 0))
        metrics[code] = {
            "before": None if before is None else round(before, 4),
            "after": None if after is None else round(after, 4),
            # costs and processes come from the seeds, which know no effect
            "direction": direction if effect or code in _OF_SEEDS else "same",
            "tolerance_pct": tolerance_pct,
            "before_n": int(before_n),
            "after_n": int(after_n),
            "measure": measure,
        }
    return {
        "leads": leads,
        "seed": seed,
        "effect": effect,
        "crm_go_live_date": "2025-05-01",
        "ramp_up_month": "2025-05",
        "complete_to": "2026-10-31T23:59:59+03:00",
        "before": {"from": "2024-05-01", "to": "2025-04-30"},
        "after": {"from": "2025-11-01", "to": "2026-10-31"},
        "client_inactivity_days": 180,
        "dirt_rate": DIRT_RATE,
        "page_duplicate_rate": PAGE_DUPLICATE_RATE,
        "metrics": metrics,
    }


def _sql(script: str) -> str:
    return resources.files(__package__).joinpath("sql", f"{script}.sql").read_text("utf-8")
