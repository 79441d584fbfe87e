"""The ten figures of a demo portal by other means: as a measure of speed, and to have them twice.

    python benchmarks/baselines.py polars data/raw.duckdb

Written by somebody who knows the demo portal and wants nothing but the figures: no rejected rows,
no findings, no tests, the vars as they stand in `dbt_project.yml`. A script for DuckDB with all
segments or without (`ten_figures.sql`), and polars and pandas for the whole portal; `floor` only
reads the columns that they need.
"""

from __future__ import annotations

import csv
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import jinja2
import numpy as np

from bitrix24_effectiveness.demo import seed_files
from bitrix24_effectiveness.demo.company import VARS

HERE = Path(__file__).resolve().parent
MARGIN = float(VARS["gross_margin_rate"])
ZONE = ZoneInfo("Europe/Moscow")
DAY_US = 86_400_000_000
INACTIVE_US = 180 * DAY_US
YEAR_US = 31_557_600_000_000
HORIZON_US = 30 * DAY_US
RIPE_US = 90 * DAY_US
COLUMNS = {
    "crm_lead": "id source_id assigned_by_id status_id status_semantic_id date_create moved_time "
    "date_modify",
    "crm_deal": "id lead_id company_id contact_id source_id category_id assigned_by_id stage_id "
    "stage_semantic_id currency_id opportunity is_recurring date_create moved_time closedate "
    "date_modify",
    "crm_contact": "id company_id date_modify",
    "crm_deal_stage_history": "id owner_id stage_semantic_id created_time",
    "crm_activity": "id owner_id owner_type_id type_id provider_id direction is_incoming_channel "
    "completed start_time created responsible_id author_id last_updated associated_entity_id",
    "openline_message": "session_id sender_kind sent_at",
    "telephony_call": "id crm_activity_id portal_user_id call_start_date call_failed_code "
    "call_duration call_type",
    "tasks": "created_date closed_date",
    "users": "id user_type",
}
TASKS_AND_TODOS = ["CRM_TODO", "CRM_TASKS_TASK"]

Read = Callable[[str], duckdb.DuckDBPyRelation]
Figure = tuple[str, float | None, float | None, float | None, str]


@dataclass(frozen=True)
class Facts:
    """What the figures are sums of; times in microseconds UTC."""

    as_of: int
    first: int
    demand: dict[str, np.ndarray]  # created, is_organisational
    won: dict[str, np.ndarray]  # at, cycle, amount, client (-1: none), deal
    requests: dict[str, np.ndarray]  # at, response (-1: none)


# -- what all of them share


def seed(name: str) -> list[dict[str, str]]:
    """Rows of a seed of the demo's company."""
    with seed_files(HERE.parent)[name].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * 1_000_000


def _local(us: int) -> datetime:
    return datetime.fromtimestamp(us // 1_000_000, UTC).astimezone(ZONE)


def _plus_months(day: date, months: int) -> date:
    return date(day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1, 1)


@dataclass(frozen=True)
class Period:
    """A period, and its end as far as it is known."""

    key: str
    first_day: date
    next_day: date
    start: int
    end: int
    cutoff: int
    trailing: int


def periods(facts: Facts) -> Iterator[Period]:
    """Months, quarters and years from the first event to `as_of`."""
    months = [_local(facts.first).date().replace(day=1)]
    while _us(_plus_months(months[-1], 1)) <= facts.as_of:
        months.append(_plus_months(months[-1], 1))
    for grain, length in (("month", 1), ("quarter", 3), ("year", 12)):
        for day in sorted({date(m.year, (m.month - 1) // length * length + 1, 1) for m in months}):
            end = _us(_plus_months(day, length))
            cutoff = min(end, facts.as_of + 1)
            local = _local(cutoff)
            trailing = local.replace(year=local.year - 1)
            yield Period(
                f"{grain}|{day}",
                day,
                min(_plus_months(day, length), _local(facts.as_of).date() + timedelta(days=1)),
                _us(day),
                end,
                cutoff,
                int(trailing.timestamp()) * 1_000_000 + cutoff % 1_000_000,
            )


def rates(read: Read) -> dict[str, tuple[list[date], list[float]]]:
    """Of each currency the days from which a rate holds, and the rates."""
    rows = [
        (currency, date(1, 1, 1), float(amount) / float(units))
        for currency, amount, units in read(
            "select currency, amount, amount_cnt from bitrix24.crm_currency"
        ).fetchall()
    ]
    rows += [
        (row["currency"], date.fromisoformat(row["valid_from"]), float(row["rate"]))
        for row in seed("exchange_rates")
    ]
    found: dict[str, tuple[list[date], list[float]]] = {}
    for currency, day, rate in sorted(rows):
        days, values = found.setdefault(currency, ([], []))
        days.append(day)
        values.append(rate)
    return found


def organisational_stages() -> dict[str, list[str]]:
    return {
        kind: [
            row["stage_id"]
            for row in seed("loss_reasons")
            if row["entity_type"] == kind and row["is_organisational"] == "true"
        ]
        for kind in ("lead", "deal")
    }


def _costs(period: Period, known: dict[str, tuple[list[date], list[float]]]) -> float:
    total = 0.0
    for row in seed("costs"):
        first, last = (date.fromisoformat(row[name]) for name in ("date_from", "date_to"))
        if row["cost_type"] in ("marketing", "crm"):
            days, values = known[row["currency"]]
            rate = values[bisect_right(days, first) - 1]
            overlap = min(last + timedelta(days=1), period.next_day) - max(first, period.first_day)
            total += float(row["amount"]) * rate * max(overlap.days, 0) / ((last - first).days + 1)
    return total


def _processes(period: Period) -> tuple[int, int]:
    day = period.next_day - timedelta(days=1)
    there = [
        row
        for row in seed("business_processes")
        if (not row["exists_from"] or date.fromisoformat(row["exists_from"]) <= day)
        and (not row["exists_to"] or date.fromisoformat(row["exists_to"]) >= day)
    ]
    automated = [
        row
        for row in there
        if row["automated_from"]
        and date.fromisoformat(row["automated_from"]) <= day
        and (not row["automated_to"] or date.fromisoformat(row["automated_to"]) >= day)
    ]
    return len(automated), len(there)


def figures(facts: Facts, known: dict[str, tuple[list[date], list[float]]]) -> list[Figure]:
    """Key, value, numerator, denominator and status of each figure and period."""
    won, demand, requests = facts.won, facts.demand, facts.requests
    bought = np.lexsort((won["deal"], won["at"], won["client"]))
    bought = bought[won["client"][bought] >= 0]
    client, at, amount = won["client"][bought], won["at"][bought], won["amount"][bought]
    is_other = np.r_[True, client[1:] != client[:-1]]
    # a purchase after the client had become inactive begins another span
    begins = is_other | np.r_[True, at[1:] >= at[:-1] + INACTIVE_US]
    starts = at[begins]
    ends = at[np.r_[np.flatnonzero(begins)[1:] - 1, len(at) - 1]] + INACTIVE_US
    owners, first_spans = client[begins], is_other[begins]
    settled = _us(_local(int(at.min())).date()) + INACTIVE_US

    def within(values: np.ndarray, low: int, high: int) -> np.ndarray:
        return (values >= low) & (values < high)

    found: list[Figure] = []
    for period in periods(facts):
        deals = within(won["at"], period.start, period.cutoff)
        units = within(demand["created"], period.start, period.cutoff)
        answered = within(requests["at"], period.start, period.cutoff) & within(
            requests["response"], 0, HORIZON_US
        )
        closed, leads = int(deals.sum()), int(units.sum())
        revenue = float(won["amount"][deals].sum())
        met = (starts < period.cutoff) & (ends > period.start)
        opening = met & (starts < period.start)
        closing = met & (ends > period.cutoff)
        opened = set(owners[opening].tolist())
        remaining = set(owners[closing].tolist())
        clients = set(owners[met].tolist())
        new = int((met & first_spans & (starts >= period.start)).sum())
        so_far = starts < period.cutoff
        spans = np.minimum(ends[so_far], period.cutoff)
        lifespan = float((spans - starts[so_far]).sum()) / YEAR_US
        active = (
            float(np.maximum(spans - np.maximum(starts[so_far], period.trailing), 0).sum())
            / YEAR_US
        )
        bought_in_year = within(at, period.trailing, period.cutoff)
        yearly = float(amount[bought_in_year].sum())
        count = int((so_far & first_spans).sum())
        price_deals = deals
        if not closed:
            price_deals = within(won["at"], min(period.trailing, period.start), period.cutoff)
        organisational = int((units & demand["is_organisational"]).sum())
        lost = None
        if leads:
            lost = 0.0
            if organisational:
                lost = (
                    organisational * float(won["amount"][price_deals].mean())
                    if price_deals.any()
                    else None
                )
        automated, processes = _processes(period)
        parts: dict[str, tuple[float | None, float | None]] = {
            "conversion": (closed, leads),
            "response_time": (
                float(requests["response"][answered].sum()) / 6e7,
                int(answered.sum()),
            ),
            "retention": (len(opened & remaining), len(opened)),
            "churn": (len(clients - remaining), len(clients)),
            "cac": (_costs(period, known), new),
            "sales_cycle": (float(won["cycle"][deals].sum()) / DAY_US, closed),
            "ltv": (MARGIN * yearly * lifespan / count if count else None, active),
            "average_deal_size": (revenue, closed),
            "automation_level": (automated, processes),
            "lost_sales": (lost, None),
        }
        for code, (numerator, denominator) in parts.items():
            scale = 100 if code in ("conversion", "retention", "churn", "automation_level") else 1
            value = numerator
            if code != "lost_sales":
                value = (
                    None
                    if numerator is None or not denominator
                    else numerator / denominator * scale
                )
            if code == "ltv" and not bought_in_year.any():
                value = None
            is_early = period.end > facts.as_of - (RIPE_US if code == "lost_sales" else 0)
            if code in ("retention", "churn", "cac", "ltv") and period.start < settled:
                value, status = None, "history_too_short"
            elif is_early:
                status = "too_early"
            else:
                status = "no_data" if value is None else "measured"
            found.append((f"{code}|{period.key}|all|all", value, numerator, denominator, status))
    return found


# -- polars


def polars_facts(read: Read) -> Facts:
    import polars as pl

    def table(name: str) -> Any:
        columns = ", ".join(f"nullif({column}, '') as {column}" for column in COLUMNS[name].split())
        return pl.DataFrame(read(f"select {columns} from bitrix24.{name}"))

    def utc(name: str) -> Any:
        return pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%z").dt.epoch("us")

    def link(name: str) -> Any:
        return pl.col(name).cast(pl.Int64).replace(0, None)

    def newest(frame: Any, by: str) -> Any:
        return frame.sort(by).unique("id", keep="last", maintain_order=True)

    def month(name: str) -> Any:
        return (pl.col(name) + 3 * 3600 * 1_000_000).cast(pl.Datetime("us")).dt.truncate("1mo")

    channels = pl.DataFrame(seed("channels")).select("source_id", "request_channel")
    outcomes = pl.DataFrame(seed("lead_outcomes"))
    organisational = organisational_stages()
    contacts = newest(table("crm_contact"), "date_modify").select(
        link("id").alias("contact_id"), link("company_id").alias("company_of_contact")
    )
    leads = (
        newest(table("crm_lead").filter(pl.col("date_create").is_not_null()), "date_modify")
        .join(channels, on="source_id", how="left")
        .join(outcomes, on="status_id", how="left")
        .select(
            link("id").alias("lead_id"),
            "status_id",
            pl.col("request_channel").replace("", None),
            pl.coalesce(
                "outcome",
                pl.when(pl.col("status_semantic_id") == "F")
                .then(pl.lit("junk"))
                .otherwise(pl.lit("open")),
            ).alias("outcome"),
            utc("date_create").alias("created_at"),
            pl.max_horizontal(utc("date_create"), utc("moved_time"), utc("date_modify")).alias(
                "changed_at"
            ),
        )
    )
    deals = (
        newest(
            table("crm_deal")
            .with_columns(pl.col("opportunity").cast(pl.Float64, strict=False))
            .filter(pl.col("opportunity").is_not_null() & (pl.col("is_recurring") != "Y")),
            "date_modify",
        )
        .with_columns(link("contact_id"))
        .join(contacts, on="contact_id", how="left")
        .select(
            link("id").alias("deal_id"),
            link("lead_id").alias("lead_id"),
            pl.coalesce(
                pl.coalesce(link("company_id"), "company_of_contact") * 2,
                pl.col("contact_id") * 2 + 1,
            ).alias("client"),
            "stage_id",
            pl.col("stage_semantic_id").alias("semantic"),
            pl.col("currency_id").fill_null("RUB"),
            "opportunity",
            utc("date_create").alias("created_at"),
            pl.coalesce(utc("moved_time"), utc("closedate"), utc("date_modify")).alias("moved_at"),
            pl.max_horizontal(utc("date_create"), utc("moved_time"), utc("date_modify")).alias(
                "changed_at"
            ),
        )
        .with_columns(thread=pl.coalesce(pl.col("lead_id") * 4, pl.col("deal_id") * 4 + 1))
    )
    calls = (
        table("telephony_call")
        .select(
            link("crm_activity_id").alias("activity_id"),
            utc("call_start_date").alias("call_at"),
            (
                pl.when(pl.col("call_failed_code").is_not_null())
                .then(pl.col("call_failed_code") == "200")
                .otherwise(pl.col("call_duration").cast(pl.Float64).fill_null(0) > 0)
                & (pl.col("call_type") != "5")
            ).alias("is_call_connected"),
        )
        .group_by("activity_id")
        .agg(
            pl.col("call_at").min(),
            pl.col("is_call_connected").any(),
            pl.col("call_at").max().alias("last_call_at"),
        )
    )
    bots = table("users").filter(pl.col("user_type") == "bot")["id"].to_list()
    owner = pl.col("owner_id").cast(pl.Int64)
    kind, direction = pl.col("kind"), pl.col("direction")
    activities = (
        newest(
            table("crm_activity").filter(pl.col("owner_type_id").is_in(["1", "2", "3", "4"])),
            "last_updated",
        )
        .with_columns(
            activity_id=pl.col("id").cast(pl.Int64),
            deal_id=pl.when(pl.col("owner_type_id") == "2").then(owner),
            contact_id=pl.when(pl.col("owner_type_id") == "3").then(owner),
            direction=direction.fill_null("0"),
            is_plan=pl.col("provider_id").is_in(TASKS_AND_TODOS).fill_null(False),
        )
        .join(calls, on="activity_id", how="left")
        .join(deals.select("deal_id", "lead_id"), on="deal_id", how="left")
        .join(contacts, on="contact_id", how="left")
        .with_columns(
            thread=pl.when(pl.col("owner_type_id") == "1")
            .then(owner * 4)
            .when(pl.col("owner_type_id") == "2")
            .then(pl.coalesce(pl.col("lead_id") * 4, owner * 4 + 1))
            .when(pl.col("owner_type_id") == "3")
            .then(pl.coalesce(pl.col("company_of_contact") * 4 + 2, owner * 4 + 3))
            .otherwise(owner * 4 + 2),
            kind=pl.when(pl.col("type_id") == "2")
            .then(pl.lit("call"))
            .when(pl.col("type_id") == "4")
            .then(pl.lit("email"))
            .when(pl.col("provider_id") == "CRM_WEBFORM")
            .then(pl.lit("form"))
            .when(pl.col("is_plan"))
            .then(pl.lit("other"))
            .when(
                (pl.col("type_id") == "6")
                & (
                    direction.is_in(["1", "2"])
                    | (pl.col("is_incoming_channel") == "Y").fill_null(False)
                )
            )
            .then(pl.lit("chat"))
            .otherwise(pl.lit("other")),
            happened_at=pl.coalesce(
                pl.when(pl.col("type_id") == "2").then(pl.col("call_at")),
                pl.when(pl.col("type_id").is_in(["1", "2", "4"])).then(utc("start_time")),
                utc("created"),
            ),
            is_completed=pl.col("completed") == "Y",
            # a chat is one activity, and who wrote when is in its messages
            session=pl.when(pl.col("provider_id") == "IMOPENLINES_SESSION").then(
                link("associated_entity_id")
            ),
            changed_at=pl.max_horizontal(utc("created"), utc("last_updated")),
        )
    )
    messages = table("openline_message").with_columns(
        session=link("session_id"), sent_at=utc("sent_at")
    )
    tasks = table("tasks")
    as_of = max(
        messages["sent_at"].max(),
        leads["changed_at"].max(),
        deals["changed_at"].max(),
        activities["changed_at"].max(),
        calls["last_call_at"].max(),
        *(tasks.select(utc(name).max()).item() for name in tasks.columns),
    )
    by_person = (
        pl.when((kind == "call") & (direction == "1"))
        .then(~pl.coalesce("responsible_id", "author_id", pl.lit("")).is_in(bots))
        .when(pl.col("author_id").is_not_null())
        .then((pl.col("author_id") != "0") & ~pl.col("author_id").is_in(bots))
        .otherwise(~pl.col("responsible_id").fill_null("").is_in(bots))
    )
    chats = activities.filter(pl.col("session").is_not_null()).select("session", "thread")
    activities = activities.filter(pl.col("happened_at") <= as_of).select(
        "thread",
        "happened_at",
        (direction.is_in(["1", "2"]) & ~pl.col("is_plan")).alias("is_directed"),
        pl.when(kind == "form")
        .then(direction != "2")
        .when(kind == "chat")
        .then(
            (direction == "1")
            | ((pl.col("is_incoming_channel") == "Y").fill_null(False) & (direction != "2"))
        )
        .otherwise((kind != "other") & (direction == "1"))
        .and_(pl.col("session").is_null())
        .alias("is_touch"),
        (
            by_person
            & pl.when(kind == "call")
            .then(direction.is_in(["1", "2"]) & pl.coalesce("is_call_connected", "is_completed"))
            .otherwise(
                ~kind.is_in(["form", "other"])
                & (direction == "2")
                & pl.col("is_completed")
                & pl.col("session").is_null()
            )
        ).alias("is_response"),
    )
    sender = pl.col("sender_kind")
    written = messages.join(chats, on="session").select(
        "thread",
        pl.col("sent_at").alias("happened_at"),
        sender.is_in(["client", "operator", "bot"]).alias("is_directed"),
        (sender == "client").alias("is_touch"),
        (sender == "operator").alias("is_response"),
    )
    activities = pl.concat([activities, written])
    threads = activities.group_by("thread").agg(
        pl.col("happened_at").filter("is_touch").min().alias("first_touch_at"),
        pl.col("happened_at")
        .filter(pl.col("is_touch") | pl.col("is_directed"))
        .min()
        .alias("first_contact_at"),
        pl.col("is_response").any().alias("has_response"),
    )
    recorded = activities.select(month("happened_at").alias("month").unique())["month"]
    history = (
        table("crm_deal_stage_history")
        .select(
            link("owner_id").alias("deal_id"),
            link("id").alias("change_id"),
            pl.col("stage_semantic_id").alias("last_semantic"),
            utc("created_time").alias("entered_at"),
        )
        .sort("deal_id", "entered_at", "change_id")
        .with_columns(
            is_entry=(
                pl.col("last_semantic") != pl.col("last_semantic").shift(1).over("deal_id")
            ).fill_null(True)
        )
        .group_by("deal_id")
        .agg(pl.col("last_semantic").last(), pl.col("entered_at").filter("is_entry").max())
    )
    rate_rows = [
        {"currency_id": currency, "day": day, "rate": rate}
        for currency, (days, values) in rates(read).items()
        for day, rate in zip(days, values, strict=True)
    ]
    deals = (
        deals.join(history, on="deal_id", how="left")
        .join(
            leads.select("lead_id", pl.col("created_at").alias("lead_created_at")),
            on="lead_id",
            how="left",
        )
        .join(threads, on="thread", how="left")
        .with_columns(
            finished_at=pl.when(pl.col("last_semantic") == pl.col("semantic"))
            .then(pl.col("entered_at"))
            .otherwise(pl.col("moved_at")),
            first_contact_at=pl.min_horizontal("created_at", "lead_created_at", "first_touch_at"),
        )
        .with_columns(
            day=(pl.col("finished_at") + 3 * 3600 * 1_000_000).cast(pl.Datetime("us")).dt.date(),
            won_at=pl.when(pl.col("semantic") == "S").then(pl.col("finished_at")),
        )
    )
    won = (
        deals.filter(pl.col("semantic") == "S")
        .sort("day")
        .join_asof(
            pl.DataFrame(rate_rows).sort("day"), on="day", by="currency_id", check_sortedness=False
        )
        .with_columns(amount=pl.col("opportunity") * pl.col("rate"))
    )
    of_leads = (
        deals.filter(pl.col("lead_id").is_not_null())
        .sort("finished_at", "deal_id")
        .group_by("lead_id")
        .agg(
            pl.col("won_at").min(),
            (pl.col("semantic") == "P").any().alias("has_open"),
            pl.col("stage_id").filter(pl.col("semantic") == "F").last().alias("lost_stage"),
        )
    )
    demand = (
        leads.filter(pl.col("outcome") != "excluded")
        .join(of_leads, on="lead_id", how="left")
        .with_columns(thread=pl.col("lead_id") * 4)
        .join(threads, on="thread", how="left")
        .with_columns(
            is_organisational=pl.col("won_at").is_null()
            & ~pl.col("has_open").fill_null(False)
            & ((pl.col("outcome") == "junk") | pl.col("lost_stage").is_not_null())
            & (
                pl.when(pl.col("lost_stage").is_null())
                .then(pl.col("status_id").is_in(organisational["lead"]))
                .otherwise(pl.col("lost_stage").is_in(organisational["deal"]))
                | (
                    month("created_at").is_in(recorded.implode())
                    & ~pl.col("has_response").fill_null(False)
                )
            )
        )
    )
    touches = pl.concat(
        [
            activities.filter("is_touch").select("thread", "happened_at"),
            demand.filter(
                pl.col("request_channel").is_not_null()
                & (pl.col("first_contact_at") > pl.col("created_at")).fill_null(True)
            ).select("thread", pl.col("created_at").alias("happened_at")),
        ]
    )
    requests = (
        touches.sort("happened_at")
        .join_asof(
            activities.filter("is_response")
            .select("thread", "happened_at", pl.col("happened_at").alias("responded_at"))
            .sort("happened_at"),
            on="happened_at",
            by="thread",
            strategy="forward",
            check_sortedness=False,
        )
        .group_by("thread", "responded_at")
        .agg(pl.col("happened_at").min())
    )
    return Facts(
        as_of,
        min(leads["created_at"].min(), deals["created_at"].min(), activities["happened_at"].min()),
        {
            "created": demand["created_at"].to_numpy(),
            "is_organisational": demand["is_organisational"].to_numpy(),
        },
        {
            "at": won["won_at"].to_numpy(),
            "cycle": (won["won_at"] - won["first_contact_at"]).to_numpy(),
            "amount": won["amount"].to_numpy(),
            "client": won["client"].fill_null(-1).to_numpy(),
            "deal": won["deal_id"].to_numpy(),
        },
        {
            "at": requests["happened_at"].to_numpy(),
            "response": (requests["responded_at"] - requests["happened_at"])
            .fill_null(-1)
            .to_numpy(),
        },
    )


# -- pandas


def pandas_facts(read: Read) -> Facts:
    import pandas as pd

    def table(name: str) -> Any:
        columns = ", ".join(f"nullif({column}, '') as {column}" for column in COLUMNS[name].split())
        return read(f"select {columns} from bitrix24.{name}").df()

    def utc(column: Any) -> Any:
        """Microseconds; nothing is -1."""
        parsed = pd.to_datetime(column, format="%Y-%m-%dT%H:%M:%S%z", utc=True)
        return parsed.dt.as_unit("us").astype("int64").where(parsed.notna(), -1)

    def link(column: Any) -> Any:
        """A number; nothing is -1."""
        return column.fillna("0").astype("int64").replace(0, -1)

    def first_known(*columns: Any) -> Any:
        found = columns[0]
        for column in columns[1:]:
            found = found.where(found >= 0, column)
        return found

    def newest(frame: Any, by: str) -> Any:
        return frame.sort_values(by, kind="stable").drop_duplicates("id", keep="last")

    def month(us: Any) -> Any:
        days = ((us + 3 * 3600 * 1_000_000) // DAY_US).to_numpy()
        return days.astype("datetime64[D]").astype("datetime64[M]").astype("int64")

    def looked_up(keys: Any, table: Any, column: str, default: Any) -> Any:
        return keys.map(table[column]).fillna(default)

    channels = pd.DataFrame(seed("channels")).set_index("source_id")["request_channel"]
    outcomes = pd.DataFrame(seed("lead_outcomes")).set_index("status_id")["outcome"]
    organisational = organisational_stages()

    contacts = newest(table("crm_contact"), "date_modify")
    contacts = pd.DataFrame(
        {"company": link(contacts["company_id"]).to_numpy()}, index=link(contacts["id"]).to_numpy()
    )

    raw = table("crm_lead")
    raw = newest(raw[raw["date_create"].notna()], "date_modify")
    leads = pd.DataFrame({"created": utc(raw["date_create"]), "status": raw["status_id"]})
    leads["outcome"] = raw["status_id"].map(outcomes)
    unmapped = pd.Series("open", raw.index).where(raw["status_semantic_id"] != "F", "junk")
    leads["outcome"] = leads["outcome"].where(leads["outcome"].notna(), unmapped)
    leads["makes_request"] = raw["source_id"].map(channels).fillna("") != ""
    leads.index = link(raw["id"])
    changes = [utc(raw[name]).max() for name in ("date_create", "moved_time", "date_modify")]

    raw = table("crm_deal")
    raw["opportunity"] = pd.to_numeric(raw["opportunity"], errors="coerce")
    raw = newest(raw[raw["opportunity"].notna() & (raw["is_recurring"] != "Y")], "date_modify")
    changes += [utc(raw[name]).max() for name in ("date_create", "moved_time", "date_modify")]
    deals = pd.DataFrame(
        {
            "deal": link(raw["id"]),
            "lead": link(raw["lead_id"]),
            "stage": raw["stage_id"],
            "semantic": raw["stage_semantic_id"],
            "currency": raw["currency_id"].fillna("RUB"),
            "amount": raw["opportunity"],
            "created": utc(raw["date_create"]),
            "moved": first_known(
                *(utc(raw[name]) for name in ("moved_time", "closedate", "date_modify"))
            ),
        }
    )
    contact = link(raw["contact_id"])
    company = first_known(link(raw["company_id"]), looked_up(contact, contacts, "company", -1))
    deals["client"] = first_known(
        (company * 2).where(company >= 0, -1), (contact * 2 + 1).where(contact >= 0, -1)
    ).astype("int64")
    deals["thread"] = (deals["lead"] * 4).where(deals["lead"] >= 0, deals["deal"] * 4 + 1)

    raw = table("telephony_call")
    calls = pd.DataFrame(
        {"activity": link(raw["crm_activity_id"]), "at": utc(raw["call_start_date"])}
    )
    talked = raw["call_duration"].astype("float64").fillna(0) > 0
    talked = (raw["call_failed_code"] == "200").where(raw["call_failed_code"].notna(), talked)
    calls["is_connected"] = talked & (raw["call_type"] != "5")
    changes.append(calls["at"].max())
    calls = calls.groupby("activity").agg({"at": "min", "is_connected": "max"})

    raw = table("tasks")
    changes += [utc(raw[name]).max() for name in raw.columns]

    messages = table("openline_message")
    sent = utc(messages["sent_at"])
    changes.append(sent.max())

    users = table("users")
    bots = users.loc[users["user_type"] == "bot", "id"].tolist()
    raw = table("crm_activity")
    raw = newest(raw[raw["owner_type_id"].isin(["1", "2", "3", "4"])], "last_updated")
    created = utc(raw["created"])
    changes += [created.max(), utc(raw["last_updated"]).max()]
    as_of = int(max(changes))
    owner, owner_type = raw["owner_id"].astype("int64"), raw["owner_type_id"]
    lead_of_deal = looked_up(owner, deals.set_index("deal"), "lead", -1)
    company_of_contact = looked_up(owner, contacts, "company", -1)
    thread = owner * 4 + 2
    thread = thread.where(owner_type != "1", owner * 4)
    thread = thread.where(
        owner_type != "2", (lead_of_deal * 4).where(lead_of_deal >= 0, owner * 4 + 1)
    )
    thread = thread.where(
        owner_type != "3",
        (company_of_contact * 4 + 2).where(company_of_contact >= 0, owner * 4 + 3),
    ).astype("int64")
    direction = raw["direction"].fillna("0")
    is_channel = raw["is_incoming_channel"] == "Y"
    is_plan = raw["provider_id"].isin(TASKS_AND_TODOS)
    is_call, is_email = raw["type_id"] == "2", raw["type_id"] == "4"
    is_form = (raw["provider_id"] == "CRM_WEBFORM") & ~is_call & ~is_email
    is_chat = (
        (raw["type_id"] == "6") & ~is_form & ~is_plan & (direction.isin(["1", "2"]) | is_channel)
    )
    # a chat of an open line is one activity, and who wrote when is in its messages
    is_session = raw["provider_id"] == "IMOPENLINES_SESSION"
    session = link(raw["associated_entity_id"]).where(is_session, -1)
    is_chat &= session < 0
    key = raw["id"].astype("int64")
    called_at = looked_up(key, calls, "at", -1).where(is_call, -1)
    is_completed = raw["completed"] == "Y"
    connected = key.map(calls["is_connected"])
    connected = connected.where(connected.notna(), is_completed).astype(bool)
    started = utc(raw["start_time"]).where(raw["type_id"].isin(["1", "2", "4"]), -1)
    responsible, author = raw["responsible_id"].fillna(""), raw["author_id"]
    by_responsible = ~responsible.isin(bots)
    by_person = ((author != "0") & ~author.isin(bots)).where(author.notna(), by_responsible)
    by_person = by_person.where(~(is_call & (direction == "1")), by_responsible)
    activities = pd.DataFrame(
        {
            "thread": thread,
            "at": first_known(called_at, started, created).astype("int64"),
            "is_directed": direction.isin(["1", "2"]) & ~is_plan,
            "is_touch": (is_form & (direction != "2"))
            | (is_chat & ((direction == "1") | (is_channel & (direction != "2"))))
            | ((is_call | is_email) & (direction == "1")),
            "is_response": by_person
            & (
                (is_call & direction.isin(["1", "2"]) & connected)
                | ((is_email | is_chat) & (direction == "2") & is_completed)
            ),
        }
    )
    activities = activities[activities["at"] <= as_of]
    chats = pd.Series(thread[session >= 0].to_numpy(), index=session[session >= 0].to_numpy())
    sender = messages["sender_kind"]
    written = pd.DataFrame(
        {
            "thread": link(messages["session_id"]).map(chats),
            "at": sent,
            "is_directed": sender.isin(["client", "operator", "bot"]),
            "is_touch": sender == "client",
            "is_response": sender == "operator",
        }
    )
    written = written[written["thread"].notna()].astype({"thread": "int64"})
    activities = pd.concat([activities, written])
    first_touch = activities[activities["is_touch"]].groupby("thread")["at"].min()
    has_contact = activities["is_touch"] | activities["is_directed"]
    first_contact = activities[has_contact].groupby("thread")["at"].min()
    responses = activities.loc[activities["is_response"], ["thread", "at"]]
    answered = set(responses["thread"])
    recorded = np.unique(month(activities["at"]))

    raw = table("crm_deal_stage_history")
    history = pd.DataFrame(
        {
            "deal": link(raw["owner_id"]),
            "at": utc(raw["created_time"]),
            "change": link(raw["id"]),
            "semantic": raw["stage_semantic_id"],
        }
    ).sort_values(["deal", "at", "change"])
    is_same_deal = history["deal"] == history["deal"].shift()
    previous = history["semantic"].shift().where(is_same_deal)
    entered = history[history["semantic"] != previous].groupby("deal")["at"].max()
    last = history.drop_duplicates("deal", keep="last").set_index("deal")["semantic"]
    is_recorded = deals["deal"].map(last) == deals["semantic"]
    deals["finished"] = (
        deals["deal"].map(entered).where(is_recorded, deals["moved"]).astype("int64")
    )
    far = 2**62
    deals["first_contact"] = np.minimum.reduce(
        [
            deals["created"].to_numpy(),
            deals["lead"].map(leads["created"]).fillna(far).to_numpy(),
            deals["thread"].map(first_touch).fillna(far).to_numpy(),
        ]
    ).astype("int64")

    won = deals[deals["semantic"] == "S"].copy()
    won["day"] = pd.to_datetime(won["finished"] + 3 * 3600 * 1_000_000, unit="us").dt.normalize()
    rate_rows = pd.DataFrame(
        [
            {"currency": currency, "day": max(day, date(1900, 1, 1)), "rate": rate}
            for currency, (days, values) in rates(read).items()
            for day, rate in zip(days, values, strict=True)
        ]
    )
    rate_rows["day"] = pd.to_datetime(rate_rows["day"]).astype(won["day"].dtype)
    won = pd.merge_asof(
        won.sort_values("day"), rate_rows.sort_values("day"), on="day", by="currency"
    )

    ordered = deals[deals["lead"] >= 0].sort_values(["finished", "deal"])
    won_leads = set(ordered.loc[ordered["semantic"] == "S", "lead"])
    open_leads = set(ordered.loc[ordered["semantic"] == "P", "lead"])
    lost = ordered[ordered["semantic"] == "F"].drop_duplicates("lead", keep="last")
    lost_stage = lost.set_index("lead")["stage"]
    demand = leads[leads["outcome"] != "excluded"].copy()
    demand["thread"] = demand.index * 4
    stage = demand.index.to_series().map(lost_stage)
    is_lost = (
        ~demand.index.isin(list(won_leads))
        & ~demand.index.isin(list(open_leads))
        & ((demand["outcome"] == "junk") | stage.notna())
    )
    has_reason = (
        demand["status"]
        .isin(organisational["lead"])
        .where(stage.isna(), stage.isin(organisational["deal"]))
    )
    is_ignored = np.isin(month(demand["created"]), recorded) & ~demand["thread"].isin(
        list(answered)
    )
    demand["is_organisational"] = is_lost & (has_reason | is_ignored)

    contacted = demand["thread"].map(first_contact).fillna(far)
    of_leads = demand[demand["makes_request"] & (contacted > demand["created"])]
    touches = pd.concat(
        [
            activities.loc[activities["is_touch"], ["thread", "at"]],
            of_leads[["thread", "created"]].rename(columns={"created": "at"}),
        ]
    )
    responses = responses.assign(responded=responses["at"]).sort_values("at")
    requests = pd.merge_asof(
        touches.sort_values("at"), responses, on="at", by="thread", direction="forward"
    )
    requests["responded"] = requests["responded"].fillna(-1).astype("int64")
    requests = requests.groupby(["thread", "responded"])["at"].min().reset_index()
    response = (requests["responded"] - requests["at"]).where(requests["responded"] >= 0, -1)
    return Facts(
        as_of,
        int(min(leads["created"].min(), deals["created"].min(), activities["at"].min())),
        {
            "created": demand["created"].to_numpy(),
            "is_organisational": demand["is_organisational"].to_numpy(),
        },
        {
            "at": won["finished"].to_numpy(),
            "cycle": (won["finished"] - won["first_contact"]).to_numpy(),
            "amount": (won["amount"] * won["rate"]).to_numpy(),
            "client": won["client"].to_numpy(),
            "deal": won["deal"].to_numpy(),
        },
        {"at": requests["at"].to_numpy(), "response": response.to_numpy()},
    )


# -- each as a process of its own


def duckdb_figures(connection: duckdb.DuckDBPyConnection, segments: bool) -> list[Figure]:
    script = (HERE / "ten_figures.sql").read_text("utf-8")
    template = jinja2.Template(script)
    connection.execute(
        template.render(segments=segments, seeds=seed_files(HERE.parent), margin=MARGIN)
    )
    return connection.execute(
        "select metric_key, value, numerator, denominator, value_status from figures"
    ).fetchall()


def scan(connection: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Reads each raw column that the figures need, once: nothing can take less."""
    for table, columns in COLUMNS.items():
        counts = ", ".join(f"max({column})" for column in columns.split())
        connection.execute(f"select {counts} from raw.bitrix24.{table}").fetchall()
    return []


BASELINES = ("floor", "duckdb", "duckdb_all_segments", "polars", "pandas")


def computed(name: str, raw: Path, threads: int = 2) -> list[Figure]:
    """The figures of a raw file by one of `BASELINES`."""
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {threads}")
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{raw}' as raw (read_only)")
        if name == "floor":
            return scan(connection)
        if name.startswith("duckdb"):
            return duckdb_figures(connection, name != "duckdb")
        connection.execute("use raw")
        facts = {"polars": polars_facts, "pandas": pandas_facts}[name](connection.sql)
        return figures(facts, rates(connection.sql))


def differences(found: list[Figure], expected: list[Figure]) -> list[str]:
    """What of the figures is not there, or is another: by 1e-9 of the value or 5e-6."""

    def is_near(one: Any, other: Any) -> bool:
        if one is None or other is None:
            return one is other
        return abs(one - other) <= max(5e-6, 1e-9 * abs(other))

    ours, theirs = ({row[0]: row[1:] for row in rows} for rows in (found, expected))
    return [
        f"{key}: {ours.get(key)}, and not {theirs.get(key)}"
        for key in sorted(ours.keys() | theirs.keys())
        if key not in ours
        or key not in theirs
        or ours[key][3] != theirs[key][3]
        or not all(map(is_near, ours[key][:3], theirs[key][:3]))
    ]


if __name__ == "__main__":
    which, raw_file = sys.argv[1:]
    for line in computed(which, Path(raw_file)):
        print(*line, sep="\t")
