"""A spreadsheet that a company filled in before it had a CRM -> the `before` of the scorecard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bitrix24_effectiveness.language import Language
from journals import GO_LIVE, deals, fill_in, requests, write_portal
from running import REPOSITORY, Answer, databases, long, run_command

# a build of its own, which takes half a minute
pytestmark = long

Row = dict[str, Any]

VARS = f'{{crm_go_live_date: "{GO_LIVE}", gross_margin_rate: 0.4}}'


class Journaled:
    """A portal without a past, and a journal of the two years before it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.env = databases(folder) | {"CRM_JOURNAL_DIR": str(self.journal)}
        write_portal(folder / "raw.duckdb")
        assert self.run("journal", "init", str(self.journal), "--lang", "ru").returncode == 0
        words = Language("ru", "journal")
        late = {"deal_no": "late", "first_contact_date": GO_LIVE, "result": "в работе"}
        for table, rows in (
            ("journal_deals", [*deals(), *bad_deals(), late]),
            ("journal_requests", requests()),
        ):
            names = {name for row in rows for name in row}
            header = {name: words.word(f"column_{name}") for name in names}
            fill_in(self.journal / f"{table}.xlsx", rows, header)
        self.answer = self.run("--vars", VARS, "run", "--lang", "en")
        assert self.answer.returncode == 0, self.answer.stderr

    def run(self, *arguments: str) -> Answer:
        return run_command(*arguments, env=self.env, cwd=REPOSITORY)

    def rows(self, query: str) -> list[Row]:
        with duckdb.connect(str(self.folder / "crm.duckdb"), read_only=True) as connection:
            cursor = connection.execute(f"select * from ({query})")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def before(self, metric: str) -> Row:
        (row,) = self.rows(
            "from crm.marts.metric_windows where window_name = 'before' "
            f"and metric_code = '{metric}'"
        )
        return row


def bad_deals() -> list[Row]:
    """Rows of which a cell cannot be read; they are rows 482 and 483 of the sheet."""
    good = {"client": "X", "first_contact_date": date(2025, 1, 9), "result": "выиграна"}
    return [
        good | {"deal_no": "bad1", "closed_date": "31.02.2025", "amount": 100},
        good | {"deal_no": "bad2", "closed_date": date(2025, 1, 20), "amount": "1,250"},
    ]


@pytest.fixture(scope="module")
def journaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journaled]:
    yield Journaled(tmp_path_factory.mktemp("journaled"))


def test_what_a_journal_can_feed_has_its_before_from_it(journaled: Journaled) -> None:
    sources = {
        row["metric_code"]: row["before_source"]
        for row in journaled.rows("from crm.marts.crm_scorecard where before_value is not null")
    }
    fed = ["conversion", "response_time", "retention", "churn", "cac", "sales_cycle", "ltv"]
    fed += ["average_deal_size"]
    # the register of processes is no part of it, and who was never answered it does not tell
    assert sources == dict.fromkeys(fed, "journal") | {"automation_level": "data"}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        # of 20 enquiries a month 4 are won, all on the tenth day
        ("conversion", 20),
        ("sales_cycle", 10),
        # 10 000, 20 000, 30 000 and 40 000
        ("average_deal_size", 25_000),
        # the requests that were answered, each after half an hour
        ("response_time", 30),
        # two of four buyers buy every month, two never again
        ("retention", 50),
        ("churn", 50),
    ],
)
def test_a_before_by_hand_is_that_of_the_scorecard(
    journaled: Journaled, metric: str, value: float
) -> None:
    assert journaled.before(metric)["value"] == pytest.approx(value)


def test_two_clients_a_month_are_new(journaled: Journaled) -> None:
    row = journaled.before("cac")
    assert row["denominator"] == 2 * row["months"]
    assert row["value"] == pytest.approx(row["numerator"] / row["denominator"])


def test_a_client_year_is_worth_its_margin(journaled: Journaled) -> None:
    row = journaled.before("ltv")
    (after,) = journaled.rows(
        "from crm.marts.metric_windows where window_name = 'after' and metric_code = 'ltv'"
    )
    (lifespan,) = journaled.rows(
        "select avg_lifespan_years as years from crm.marts.metric_ltv "
        "where metric_key like 'ltv|month|%|all|all' and is_complete "
        "order by period_start desc limit 1"
    )
    # 40 % of 100 000 a month, times the lifespan that both windows share
    assert row["numerator"] / row["months"] == pytest.approx(40_000 * lifespan["years"])
    # two clients all the time, and two new ones each month for the 180 days after their purchase
    clients = 2 + 2 * 180 * 12 / 365.25
    assert row["denominator"] / row["months"] == pytest.approx(clients / 12, rel=0.02)
    assert after["source"] == "data"


def test_months_are_compared_only_while_the_journal_still_tells_how_they_ended(
    journaled: Journaled,
) -> None:
    last = {metric: journaled.before(metric)["last_month"] for metric in ("conversion", "churn")}
    # the last that end 90 days before go-live, and 180
    assert last == {"conversion": date(2024, 12, 1), "churn": date(2024, 10, 1)}


def test_a_loss_without_an_answer_is_not_compared_with_a_journal(journaled: Journaled) -> None:
    (row,) = journaled.rows("from crm.marts.crm_scorecard where metric_code = 'lost_sales'")
    assert (row["before_value"], row["status"]) == (None, "no_data")


def test_a_bad_cell_is_named_and_its_row_alone_is_rejected(journaled: Journaled) -> None:
    assert (
        "journal_deals.xlsx, sheet Сделки, row 482, column E (closed_date): "
        "31.02.2025 is no day of the calendar" in journaled.answer.stderr
    )
    assert (
        "row 483, column G (amount): 1,250 can be 1250 or 1.250: write one of them"
        in journaled.answer.stderr
    )
    rejected = journaled.rows(
        "from crm.marts.rejected_rows where raw_table like 'journal%' order by row_id"
    )
    assert [(row["row_id"], row["reason"]) for row in rejected] == [
        ("bad1", "unreadable:closed_date"),
        ("bad2", "unreadable:amount"),
    ]
    assert '"source_row":"482"' in rejected[0]["raw_row"].replace(" ", "")


def test_rows_after_go_live_are_left_out_and_counted(journaled: Journaled) -> None:
    (row,) = journaled.rows("from crm.marts.journal_rows where raw_table = 'journal_deals'")
    assert (row["readable_rows"], row["used_rows"], row["rows_after_go_live"]) == (481, 480, 1)
    assert "480 of 481 rows are used; left out: 1 after go-live" in journaled.answer.stdout
    (newest,) = journaled.rows(
        "select max(created_at) as at from crm.marts.fct_deals where source = 'journal'"
    )
    assert newest["at"] < datetime(2025, 4, 30, 21)


def test_clients_of_the_journal_are_nobodys_loss_after_go_live(journaled: Journaled) -> None:
    (client,) = journaled.rows(
        "select count(*) filter (where is_active) as active, count(*) as clients "
        "from crm.marts.dim_clients where source = 'journal'"
    )
    assert client == {"active": 0, "clients": 2 + 24 * 18}
    months = journaled.rows(
        "select r.churned_clients from crm.marts.metric_retention as r "
        "where period_grain = 'month' and segment_type = 'client_type' "
        "and segment_id = 'unknown' and period_start >= '2025-05-01'"
    )
    assert months
    assert all(row["churned_clients"] == 0 for row in months)


def test_a_run_with_the_same_journal_has_nothing_to_do(journaled: Journaled) -> None:
    answer = journaled.run("--vars", VARS, "run", "--lang", "en")
    assert "nothing has changed since the last run" in answer.stderr


def test_templates_that_are_there_are_not_replaced(journaled: Journaled) -> None:
    before = {path: path.read_bytes() for path in journaled.journal.iterdir()}
    answer = journaled.run("journal", "init", str(journaled.journal))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "is there already, and what you wrote in it is not replaced" in answer.stderr
    assert {path: path.read_bytes() for path in journaled.journal.iterdir()} == before
