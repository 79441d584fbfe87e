"""The demo portal is what it says: the same each time, dirty as stated, with the effect planted.

The figures are read from the raw tables by short queries that share nothing with the models.
"""

import csv
import json
from datetime import date

import duckdb
import pytest
import yaml

from bitrix24_effectiveness.demo import (
    TABLES,
    DemoError,
    generate,
    generator,
    seed_files,
)
from running import REPOSITORY, databases, run_command

LEADS = 6000
# rows of dirt have ids of their own from here on
FIRST_DIRTY_ID = 9_000_000_000
FIRST_DIRTY_ACTIVITY_ID = 900_000_000_000
BEFORE = ("2024-05-01", "2025-05-01")
AFTER = ("2025-11-01", "2026-11-01")


@pytest.fixture(scope="module")
def portal_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("demo") / "raw.duckdb"
    generate(file, LEADS, 1)
    return file


@pytest.fixture(scope="module")
def portal(portal_file):
    """Connection to the portal, with clean views: duplicates and dirt taken out."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{portal_file}' as raw (read_only)")
        connection.execute(
            """
            create macro moment(text_time) as
                strptime(left(nullif(text_time, ''), 19), '%Y-%m-%dT%H:%M:%S');
            """
        )
        for view, table, newest, first_dirty in (
            ("deals", "crm_deal", "date_modify", FIRST_DIRTY_ID),
            ("leads", "crm_lead", "date_modify", FIRST_DIRTY_ID),
            ("activities", "crm_activity", "last_updated", FIRST_DIRTY_ACTIVITY_ID),
        ):
            connection.execute(
                f"""
                create table {view} as
                select * from raw.bitrix24.{table}
                where id::bigint < {first_dirty}
                qualify row_number() over (partition by id order by {newest} desc) = 1
                """
            )
        connection.execute(
            """
            create table messages as
            select messages.*, activities.id as activity_id
            from raw.bitrix24.openline_message as messages
            left join activities on messages.session_id = activities.associated_entity_id
            """
        )
        yield connection


@pytest.fixture(scope="module")
def truth(portal_file):
    return json.loads(portal_file.with_name("raw.truth.json").read_text("utf-8"))


def one(connection, query):
    return connection.execute(query).fetchone()[0]


def seed(name):
    with seed_files(REPOSITORY)[name].open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# -- the same each time


def test_the_same_leads_and_seed_give_the_same_rows(tmp_path, monkeypatch):
    generate(tmp_path / "a.duckdb", 400, 5)
    # neither the size of the chunks nor what was in the file before may matter
    monkeypatch.setattr(generator, "CHUNK_CASES", 300)
    generate(tmp_path / "b.duckdb", 20, 1)
    generate(tmp_path / "b.duckdb", 400, 5)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'a.duckdb'}' as a (read_only)")
        connection.execute(f"attach '{tmp_path / 'b.duckdb'}' as b (read_only)")
        for table in TABLES:
            for left, right in (("a", "b"), ("b", "a")):
                rows = one(
                    connection,
                    f"""
                    select count(*) from (
                        select * from {left}.bitrix24.{table}
                        except all
                        select * from {right}.bitrix24.{table}
                    )
                    """,
                )
                assert rows == 0, table
    assert (tmp_path / "a.truth.json").read_text() == (tmp_path / "b.truth.json").read_text()


def test_another_seed_gives_another_portal(tmp_path):
    generate(tmp_path / "a.duckdb", 200, 1)
    generate(tmp_path / "b.duckdb", 200, 2)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'a.duckdb'}' as a (read_only)")
        connection.execute(f"attach '{tmp_path / 'b.duckdb'}' as b (read_only)")
        same = one(
            connection,
            """
            select count(*)
            from a.bitrix24.crm_lead as a
            inner join b.bitrix24.crm_lead as b using (id, date_create)
            """,
        )
        assert same < 20


# -- the size of the effect


def test_without_an_effect_people_work_as_before(tmp_path):
    truths = {}
    for effect in (0, 1):
        generate(tmp_path / "raw.duckdb", 3000, 1, effect)
        truths[effect] = json.loads((tmp_path / "raw.truth.json").read_text("utf-8"))["metrics"]
    for metric in ("conversion", "sales_cycle", "lost_sales"):
        before, after = (truths[0][metric][window] for window in ("before", "after"))
        assert abs(after / before - 1) < 0.15, metric
        assert abs(truths[1][metric]["after"] / before - 1) > 0.25, metric
    # the seeds know of no effect
    directions = {code: metric["direction"] for code, metric in truths[0].items()}
    assert {code for code, direction in directions.items() if direction != "same"} == {
        "cac",
        "automation_level",
    }


def test_half_an_effect_lies_between(tmp_path):
    cycles = []
    for effect in (0, 0.5, 1):
        generate(tmp_path / "raw.duckdb", 3000, 1, effect)
        truth = json.loads((tmp_path / "raw.truth.json").read_text("utf-8"))
        cycles.append(truth["metrics"]["sales_cycle"]["after"])
    assert cycles == sorted(cycles, reverse=True)


@pytest.mark.parametrize("effect", [-0.1, 1.1])
def test_an_effect_out_of_range_is_one_line(tmp_path, effect):
    with pytest.raises(DemoError, match=f"the effect must be between 0 and 1, not {effect}"):
        generate(tmp_path / "raw.duckdb", 10, 1, effect)


# -- size and form


@pytest.mark.parametrize("leads", [1, 2, 150, 1500])
def test_there_are_as_many_leads_as_asked_for(tmp_path, leads):
    counts = generate(tmp_path / "raw.duckdb", leads, 3)
    with duckdb.connect(str(tmp_path / "raw.duckdb"), read_only=True) as connection:
        assert leads == one(
            connection,
            f"""
            select count(distinct id) from bitrix24.crm_lead
            where id::bigint < {FIRST_DIRTY_ID}
            """,
        )
        for table, count in counts.items():
            assert count == one(connection, f"select count(*) from bitrix24.{table}")


def test_rows_grow_with_the_leads(portal):
    per_lead = {
        "leads": one(portal, "select count(*) from leads") / LEADS,
        "deals": one(portal, "select count(*) from deals") / LEADS,
        "activities": one(portal, "select count(*) from activities") / LEADS,
    }
    assert per_lead["leads"] == 1
    assert 0.3 < per_lead["deals"] < 0.45
    assert 7.5 < per_lead["activities"] < 9


def test_every_table_has_the_columns_of_the_contract_as_text(portal):
    document = yaml.safe_load(
        (REPOSITORY / "models/staging/bitrix24/_sources.yml").read_text("utf-8")
    )
    (source,) = document["sources"]
    assert {table["name"] for table in source["tables"]} == set(TABLES)
    for table in source["tables"]:
        types = dict(
            portal.execute(
                """
                select column_name, data_type from duckdb_columns()
                where database_name = 'raw' and table_name = ?
                """,
                [table["name"]],
            ).fetchall()
        )
        missing = {column["name"] for column in table["columns"]} - set(types)
        assert not missing, table["name"]
        assert set(types.values()) == {"VARCHAR"}, table["name"]


def test_values_are_those_of_the_rest_api(portal):
    assert (
        one(
            portal,
            """
        select count(*) from deals
        where not regexp_full_match(
            date_create, '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\+03:00'
        ) or not regexp_full_match(opportunity, '\\d+\\.\\d\\d')
        """,
        )
        == 0
    )
    assert one(portal, "select count(*) from deals where lead_id = '0'") > 50
    assert one(portal, "select count(*) from deals where company_id = '0'") > 50
    assert portal.execute("select distinct completed from activities order by 1").fetchall() == [
        ("N",),
        ("Y",),
    ]
    assert {
        row[0] for row in portal.execute("select distinct currency_id from deals").fetchall()
    } == {
        "RUB",
        "USD",
        "EUR",
    }


def test_links_lead_to_rows_that_exist(portal):
    for child, column, parent in (
        ("deals", "lead_id", "leads"),
        ("deals", "contact_id", "raw.bitrix24.crm_contact"),
        ("deals", "company_id", "raw.bitrix24.crm_company"),
        ("deals", "assigned_by_id", "raw.bitrix24.users"),
        ("leads", "assigned_by_id", "raw.bitrix24.users"),
        ("raw.bitrix24.crm_contact", "company_id", "raw.bitrix24.crm_company"),
        ("raw.bitrix24.crm_deal_stage_history", "owner_id", "deals"),
        ("raw.bitrix24.crm_lead_status_history", "owner_id", "leads"),
        ("raw.bitrix24.telephony_call", "crm_activity_id", "activities"),
        ("messages", "activity_id", "activities"),
    ):
        orphans = one(
            portal,
            f"""
            select count(*) from {child} as child
            where child.{column} <> '0'
            and child.{column} not in (select id from {parent})
            """,
        )
        assert orphans == 0, (child, column)


def test_a_chat_is_one_activity_and_its_answers_are_inside(portal):
    """As Bitrix24 keeps it: an answer is no activity, it turns the state of the chat."""
    chats = "activities where provider_id = 'IMOPENLINES_SESSION'"
    assert one(portal, f"select count(*) from {chats} and direction <> '1'") == 0
    assert one(portal, f"select count(*) - count(distinct associated_entity_id) from {chats}") == 0
    wrong = one(
        portal,
        f"""
        select count(*) from (from {chats}) as chats
        left join (
            select activity_id, bool_or(sender_kind = 'operator') as is_answered,
                max(sent_at) as last_sent_at
            from messages group by activity_id
        ) as said on chats.id = said.activity_id
        where said.activity_id is null
        or said.is_answered <> (chats.result_status = '1')
        or chats.last_updated < said.last_sent_at
        """,
    )
    assert wrong == 0


def test_ids_of_clean_rows_are_unique(portal):
    for table in TABLES:
        if table in ("crm_deal", "crm_lead", "crm_activity"):
            continue
        key = "currency" if table == "crm_currency" else "id"
        assert (
            one(portal, f"select count(*) - count(distinct {key}) from raw.bitrix24.{table}") == 0
        ), table


def test_a_stage_is_the_last_of_its_history(portal):
    assert (
        one(
            portal,
            """
        select count(*) from (
            select owner_id, max_by(stage_id, (moment(created_time), id::bigint)) as stage_id
            from raw.bitrix24.crm_deal_stage_history
            group by owner_id
        ) as histories
        inner join deals on histories.owner_id = deals.id
        where histories.stage_id <> deals.stage_id
        """,
        )
        == 0
    )


# -- time


def test_october_2026_is_a_complete_month_and_nothing_but_robots_comes_later(portal):
    newest = one(portal, "select max(last_updated) from activities")
    assert "2026-11-01T00:00:00+03:00" < newest < "2026-11-01T01:00:00+03:00"
    assert portal.execute(
        """
        select distinct author_id, direction from activities
        where created >= '2026-11-01T00:00:00+03:00'
        """
    ).fetchall() == [("0", "2")]
    for table, columns in {
        "deals": ("date_create", "date_modify", "moved_time"),
        "leads": ("date_create", "date_modify", "moved_time"),
        "raw.bitrix24.crm_deal_stage_history": ("created_time",),
        "raw.bitrix24.crm_lead_status_history": ("created_time",),
        "raw.bitrix24.telephony_call": ("call_start_date",),
        "raw.bitrix24.tasks": ("created_date", "closed_date"),
    }.items():
        for column in columns:
            assert one(portal, f"select max({column}) from {table}") < "2026-11-01"


def test_leads_come_in_every_month_and_seldom_on_days_off(portal):
    months = portal.execute("select count(*) from leads group by left(date_create, 7)").fetchall()
    assert len(months) == 36
    assert min(months)[0] > 0.4 * LEADS / 36
    weekend = one(portal, "select avg((isodow(moment(date_create)) >= 6)::int) from leads")
    assert 0.02 < weekend < 0.10
    at_work = one(
        portal, "select avg((hour(moment(date_create)) between 9 and 17)::int) from leads"
    )
    assert 0.8 < at_work < 0.98


# -- dirt and duplicates


def test_dirt_is_there_at_the_stated_rate(portal, truth):
    rate = truth["dirt_rate"]
    for kind, clean, found in (
        (
            "leads without a date",
            one(portal, "select count(*) from leads"),
            "crm_lead where date_create = ''",
        ),
        (
            "amounts that are no numbers",
            one(portal, "select count(*) from deals"),
            "crm_deal where try_cast(opportunity as double) is null",
        ),
        (
            "recurring templates",
            one(portal, "select count(*) from deals"),
            "crm_deal where is_recurring = 'Y'",
        ),
        (
            "activities of other owners",
            one(portal, "select count(*) from activities"),
            "crm_activity where owner_type_id not in ('1', '2', '3', '4')",
        ),
    ):
        rows = one(portal, f"select count(distinct id) from raw.bitrix24.{found}")
        # templates are drawn from deals and dirty deals, so a row may be of two kinds
        assert rows == pytest.approx(max(1, rate * clean), abs=1.5), kind


def test_some_pages_come_twice_and_some_of_them_in_an_older_version(portal):
    for table, newest in (
        ("crm_lead", "date_modify"),
        ("crm_deal", "date_modify"),
        ("crm_activity", "last_updated"),
    ):
        total, ids, versions = portal.execute(
            f"""
            select count(*), count(distinct id), count(distinct (id, {newest}))
            from raw.bitrix24.{table}
            """
        ).fetchone()
        assert 0.002 < (total - ids) / ids < 0.06, table
        assert versions < total, table
    assert (
        one(
            portal,
            """
        select count(*) from (
            select id from raw.bitrix24.crm_activity
            group by id having count(distinct last_updated) > 1
        )
        """,
        )
        > 0
    )


# -- every trap of the contract is in it


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(query, id=what)
        for what, query in (
            ("moves between pipelines", "raw.bitrix24.crm_deal_stage_history where type_id = '5'"),
            (
                "reopened deals",
                """raw.bitrix24.crm_deal_stage_history as won
            inner join raw.bitrix24.crm_deal_stage_history as later
            on won.owner_id = later.owner_id and later.id::bigint > won.id::bigint
            where won.stage_semantic_id = 'S' and later.stage_semantic_id = 'P'""",
            ),
            (
                "deals without a history",
                "deals where id not in (select owner_id from raw.bitrix24.crm_deal_stage_history)",
            ),
            ("deals without a client", "deals where contact_id = '0' and company_id = '0'"),
            (
                "companies known through a contact",
                """deals inner join raw.bitrix24.crm_contact as contacts
            on deals.contact_id = contacts.id
            where deals.company_id = '0' and contacts.company_id <> '0'""",
            ),
            (
                "repeat deals without a lead",
                "deals where lead_id = '0' and is_return_customer = 'Y'",
            ),
            ("free deals", "deals where opportunity = '0.00'"),
            ("leads without a source", "leads where source_id = ''"),
            ("leads that nobody moved", "leads where status_id = 'NEW' and date_create < '2026'"),
            ("robots", "activities where author_id = '0'"),
            ("the chat robot", "messages where sender_kind = 'bot' and sender_id = '90'"),
            ("notes of the portal in a chat", "messages where sender_id = '0'"),
            (
                "clients who write twice before they are answered",
                """messages where sender_kind = 'client'
            group by session_id having count(*) > 1""",
            ),
            (
                "chats that nobody answered",
                "activities where associated_entity_id <> '0' and result_status = '2'",
            ),
            ("missed calls", "raw.bitrix24.telephony_call where call_failed_code = '304'"),
            (
                "calls that the telephony does not know",
                """activities where provider_id = 'VOXIMPLANT_CALL'
            and id not in (select crm_activity_id from raw.bitrix24.telephony_call)""",
            ),
            ("calls without a card", "raw.bitrix24.telephony_call where crm_activity_id = '0'"),
            ("activities of contacts", "activities where owner_type_id = '3'"),
            ("activities of companies", "activities where owner_type_id = '4'"),
            ("site forms", "activities where provider_id = 'CRM_WEBFORM'"),
            ("chats", "activities where provider_id = 'IMOPENLINES_SESSION'"),
            ("custom loss reasons", "deals where stage_id = 'C2:UC_STOCK'"),
            (
                "overdue tasks",
                """raw.bitrix24.tasks
            where closed_date > deadline and deadline <> '' and closed_date <> ''""",
            ),
        )
    ],
)
def test_the_portal_has(portal, query):
    assert one(portal, f"select count(*) from {query}") > 0


# -- the planted effect


def won_deals(window):
    return f"""
        deals where stage_semantic_id = 'S'
        and moment(moved_time) >= '{window[0]}' and moment(moved_time) < '{window[1]}'
    """


DEMAND = "status_id not in ('UC_SPAM', 'UC_DUPLICATE', 'UC_TEST')"
RUBLES = "opportunity::double * case currency_id when 'USD' then 88 when 'EUR' then 96 else 1 end"


@pytest.mark.parametrize("name, window", [("before", BEFORE), ("after", AFTER)])
def test_conversion_and_deal_size_are_as_planted(portal, truth, name, window):
    won = one(portal, f"select count(*) from {won_deals(window)}")
    leads = one(
        portal,
        f"""
        select count(*) from leads
        where {DEMAND} and date_create >= '{window[0]}' and date_create < '{window[1]}'
        """,
    )
    planted = truth["metrics"]["conversion"]
    assert leads == planted[f"{name}_n"]
    assert 100 * won / leads == pytest.approx(planted[name], abs=0.001)
    assert 0 < planted[name] < 100
    amount = one(portal, f"select avg({RUBLES}) from {won_deals(window)}")
    assert amount == pytest.approx(truth["metrics"]["average_deal_size"][name], rel=0.001)


@pytest.mark.parametrize("name, window", [("before", BEFORE), ("after", AFTER)])
def test_the_sales_cycle_is_as_planted(portal, truth, name, window):
    days = one(
        portal,
        f"""
        with touches as (
            select owner_type_id, owner_id, min(moment(start_time)) as touched_at
            from activities where direction = '1' group by owner_type_id, owner_id
        )
        select avg(epoch(moment(deals.moved_time) - least(
            moment(deals.date_create),
            coalesce(moment(leads.date_create), moment(deals.date_create)),
            coalesce(of_leads.touched_at, moment(deals.date_create)),
            coalesce(of_deals.touched_at, moment(deals.date_create))
        )) / 86400.0)
        from (select * from {won_deals(window)}) as deals
        left join leads on deals.lead_id = leads.id
        left join touches as of_leads
            on of_leads.owner_type_id = '1' and of_leads.owner_id = deals.lead_id
        left join touches as of_deals
            on of_deals.owner_type_id = '2' and of_deals.owner_id = deals.id
        """,
    )
    assert days == pytest.approx(truth["metrics"]["sales_cycle"][name], rel=0.01)


@pytest.mark.parametrize("name, window", [("before", BEFORE), ("after", AFTER)])
def test_clients_wait_for_an_answer_as_long_as_planted(portal, truth, name, window):
    minutes = one(
        portal,
        f"""
        with owned as (
            select
                activities.*,
                case
                    when owner_type_id = '1' then 'lead ' || owner_id
                    when deals.lead_id <> '0' then 'lead ' || deals.lead_id
                    else owner_type_id || ' ' || owner_id
                end as thread
            from activities
            left join deals on owner_type_id = '2' and owner_id = deals.id
        ),
        acts as (
            select thread, moment(sent_at) as happened_at, sender_kind = 'client' as is_touch,
                sender_kind = 'operator' as is_answer
            from messages inner join owned on messages.activity_id = owned.id
            union all
            select
                thread,
                moment(start_time) as happened_at,
                direction = '1' as is_touch,
                author_id <> '0'
                and coalesce(calls.call_failed_code = '200', completed = 'Y')
                and activities.type_id in ('2', '4', '6')
                and (direction = '2' or (direction = '1' and activities.type_id = '2')) as is_answer
            from owned as activities
            left join raw.bitrix24.telephony_call as calls
                on activities.id = calls.crm_activity_id
            where provider_id <> 'IMOPENLINES_SESSION'
        ),
        touches as (
            select thread, happened_at as touched_at from acts where is_touch
            union all
            select 'lead ' || id, moment(date_create) from leads
            where source_id in ('WEB', 'ADVERTISING') and {DEMAND}
        ),
        answers as (
            select thread, touched_at, min(happened_at) as answered_at
            from touches inner join acts using (thread)
            where is_answer and happened_at >= touched_at
            group by thread, touched_at
        ),
        requests as (
            select min(touched_at) as started_at, answered_at
            from answers group by thread, answered_at
        )
        select avg(epoch(answered_at - started_at) / 60.0) from requests
        where started_at >= '{window[0]}' and started_at < '{window[1]}'
        """,
    )
    planted = truth["metrics"]["response_time"]
    assert minutes == pytest.approx(planted[name], rel=planted["tolerance_pct"] / 100)


def test_each_metric_moves_as_it_was_planted(truth):
    catalog = {row["metric_code"]: row for row in seed("metric_catalog")}
    assert list(truth["metrics"]) == list(catalog)
    directions = {code: metric["direction"] for code, metric in truth["metrics"].items()}
    assert directions.pop("cac") == "worse"
    assert directions.pop("average_deal_size") == "same"
    assert set(directions.values()) == {"better"}
    for code, metric in truth["metrics"].items():
        change = metric["after"] / metric["before"] - 1
        gain = change if catalog[code]["better_when"] == "higher" else -change
        if metric["direction"] == "better":
            assert gain > 0.01, code
        elif metric["direction"] == "worse":
            assert gain < -0.1, code
        else:
            assert abs(gain) < 0.03, code


def test_the_figures_are_ones_that_a_head_of_sales_would_believe(truth):
    for code, before, after in (
        ("conversion", (10, 14), (15, 20)),
        ("response_time", (180, 260), (40, 75)),
        ("retention", (82, 88), (85, 91)),
        ("sales_cycle", (20, 28), (14, 20)),
        ("automation_level", (20, 20), (70, 70)),
        ("average_deal_size", (120_000, 160_000), (120_000, 160_000)),
    ):
        metric = truth["metrics"][code]
        assert before[0] <= metric["before"] <= before[1], code
        assert after[0] <= metric["after"] <= after[1], code


# -- the seeds fit the portal


def test_seeds_hold_the_costs_and_processes_of_the_truth():
    rates = {}
    for row in seed("exchange_rates"):
        rates.setdefault(row["currency"], {})[row["valid_from"]] = float(row["rate"])

    def rate(currency, day):
        if currency == "RUB":
            return 1.0
        return rates[currency][max(start for start in rates[currency] if start <= day)]

    for name, start, end in (
        ("before", date(2024, 5, 1), date(2025, 4, 30)),
        ("after", date(2025, 11, 1), date(2026, 10, 31)),
    ):
        spent = 0.0
        for row in seed("costs"):
            if row["cost_type"] not in ("marketing", "crm"):
                continue
            first, last = map(date.fromisoformat, (row["date_from"], row["date_to"]))
            days = (min(last, end) - max(first, start)).days + 1
            if days > 0:
                share = days / ((last - first).days + 1)
                spent += float(row["amount"]) * rate(row["currency"], row["date_from"]) * share
        assert spent == pytest.approx(generator.SEED_FIGURES[f"costs_{name}"], abs=0.01)

        processes = seed("business_processes")
        for day in (start.isoformat(), end.isoformat()):
            automated = [row for row in processes if "" < row["automated_from"] <= day]
            level = 100 * len(automated) / len(processes)
            assert level == generator.SEED_FIGURES[f"automation_{name}"]


def test_seeds_know_the_statuses_stages_and_sources_of_the_portal(portal):
    def found(query):
        return {row[0] for row in portal.execute(query).fetchall()}

    outcomes = {row["status_id"] for row in seed("lead_outcomes")}
    assert found("select distinct status_id from leads") <= outcomes
    reasons = {row["stage_id"] for row in seed("loss_reasons") if row["entity_type"] == "deal"}
    assert found("select distinct stage_id from deals where stage_semantic_id = 'F'") <= reasons
    sources = {row["source_id"] for row in seed("channels")}
    # one source is left without a channel on purpose
    assert found("select distinct source_id from leads") - sources == {"", "UC_AVITO"}


def test_the_production_calendar_is_one():
    rows = seed("holidays")
    assert len({row["holiday_date"] for row in rows}) == len(rows)
    days = {
        date.fromisoformat(row["holiday_date"]): row["works_as_weekday"]
        for row in rows
        # a day that is merely shorter works as it would
        if row["works_as_weekday"] or not row["shortened_by_minutes"]
    }
    moved = {day for day, weekday in days.items() if weekday}
    assert moved == {
        date(2024, 4, 27),
        date(2024, 11, 2),
        date(2024, 12, 28),
        date(2025, 11, 1),
    }
    for year, working_days in ((2024, 248), (2025, 247), (2026, 247)):
        worked = 0
        day = date(year, 1, 1)
        while day.year == year:
            if day in moved or (day.isoweekday() <= 5 and day not in days):
                worked += 1
            day = date.fromordinal(day.toordinal() + 1)
        assert worked == working_days, year


# -- what can go wrong


def test_a_portal_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(DemoError, match="cannot write the demo portal") as failure:
        generate(tmp_path / "taken", 5, 1)
    assert "\n" not in str(failure.value)
    assert list(tmp_path.rglob("*")) == [tmp_path / "taken"]


@pytest.mark.parametrize("leads, seed_number", [(0, 1), (-5, 1), (10, -1), (10, 2**31)])
def test_numbers_out_of_range_are_refused(tmp_path, leads, seed_number):
    with pytest.raises(DemoError, match="must be"):
        generate(tmp_path / "raw.duckdb", leads, seed_number)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_portal_and_says_so(tmp_path):
    out = tmp_path / "made" / "raw.duckdb"
    env = databases(tmp_path)
    answer = run_command(
        "demo", "--leads", "30", "--seed", "4", "--out", str(out), env=env, cwd=REPOSITORY
    )
    assert answer.returncode == 0, answer.stderr
    assert "leads" in answer.stdout
    assert sorted(path.name for path in out.parent.iterdir()) == ["raw.duckdb", "raw.truth.json"]
    seeds = {path.name: path.read_bytes() for path in (tmp_path / "demo_seeds").iterdir()}
    assert seeds == {path.name: path.read_bytes() for path in seed_files(REPOSITORY).values()}
