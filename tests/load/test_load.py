"""The loader against the emulator: what a portal holds is what the raw tables hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest

from bitrix24_effectiveness.demo import generate
from bitrix24_effectiveness.errors import AnotherRunError, DataError
from bitrix24_effectiveness.load import loading as module
from bitrix24_effectiveness.project import Project
from emulator import CANARY, Emulator, Fault, FaultPlan, Limits, Portal
from loading import Loading, deals_in_portal, deals_of, small_portal
from running import REPOSITORY, MiniProject, long, run_command


def test_the_whole_portal_arrives_as_text(loading: Loading) -> None:
    loading.load()
    deals = loading.rows("select id, opportunity, date_modify, lead_id from bitrix24.crm_deal")
    assert sorted(deals, key=lambda deal: int(deal[0])) == [
        (row["ID"], row["OPPORTUNITY"], row["DATE_MODIFY"], None)
        for row in loading.portal.tables["crm_deal"].rows.values()
    ]
    assert loading.rows("select extra from bitrix24.crm_status") == [('{"SEMANTICS":"process"}',)]
    assert loading.rows("select active, uf_department from bitrix24.users") == [("true", "[1]")]
    assert loading.rows("select id, uf_crm_task from bitrix24.tasks") == [("5", '["D_3"]')]


def test_a_later_load_asks_for_what_is_new_and_changed(loading: Loading) -> None:
    loading.load()
    asked = len(loading.emulator.requests)
    loading.portal.clock.advance(hours=5)
    loading.portal.modify("crm_deal", 7, stage_id="WON")
    loading.portal.create("crm_deal", stage_id="NEW")
    tallies = loading.load()
    assert (tallies["crm_deal"].new, tallies["crm_deal"].changed) == (1, 1)
    assert deals_of(loading) == deals_in_portal(loading)
    walks = [r for r in loading.emulator.requests[asked:] if r.method == "crm.deal.list"]
    # two pages at first; a third proves that nothing is behind the short one
    assert len(walks) == 3 and all(">=DATE_MODIFY" in r.parameters["filter"] for r in walks)


@long
def test_deleted_rows_are_removed_and_noted(loading: Loading) -> None:
    loading.load()
    loading.portal.delete("crm_deal", 60)
    assert loading.load()["crm_deal"].deleted == 0
    assert loading.load(sweep=True)["crm_deal"].deleted == 1
    assert deals_of(loading) == deals_in_portal(loading)
    assert loading.rows("select raw_table, id from bitrix24.deleted_rows") == [("crm_deal", "60")]


@long
def test_deleted_rows_are_looked_for_every_week(loading: Loading) -> None:
    loading.load()
    loading.portal.delete("crm_deal", 60)
    loading.portal.clock.advance(days=6)
    assert loading.load()["crm_deal"].deleted == 0
    loading.portal.clock.advance(days=1)
    assert loading.load()["crm_deal"].deleted == 1


@long
def test_a_table_that_lost_a_large_share_stays_until_somebody_says_so(loading: Loading) -> None:
    loading.load()
    for key in range(1, 61):
        loading.portal.delete("crm_deal", key)
    with pytest.raises(DataError, match="crm_deal: the portal no longer gives 60 of 130 rows"):
        loading.load(sweep=True)
    assert len(deals_of(loading)) == 130
    loading.load(sweep=True, accept_deletions=True)
    assert deals_of(loading) == deals_in_portal(loading)


@long
def test_rows_that_a_walk_missed_are_fetched_by_the_sweep(loading: Loading) -> None:
    loading.load()
    with duckdb.connect(str(loading.raw_db)) as connection:
        connection.execute("delete from bitrix24.crm_deal where id = '3'")
    loading.load(sweep=True)
    assert deals_of(loading) == deals_in_portal(loading)


def test_a_portal_that_stumbles_is_asked_again(loading: Loading) -> None:
    loading.emulator.faults = FaultPlan(
        {
            1: Fault("error", code="QUERY_LIMIT_EXCEEDED"),
            2: Fault("html", 200),
            3: Fault("html", 502),
            4: Fault("reset_before"),
            5: Fault("cut"),
            6: Fault("truncated"),
            7: Fault("batch", 1, "OPERATION_TIME_LIMIT"),
            8: Fault("batch", 3, "INTERNAL_SERVER_ERROR"),
            9: Fault("repeat"),
            10: Fault("gzip"),
            11: Fault("error", code="ERROR_UNEXPECTED_ANSWER"),
        }
    )
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)


@long
def test_a_load_that_gave_up_goes_on_where_it_stopped(loading: Loading) -> None:
    loading.emulator.faults = FaultPlan({n: Fault("html", 502) for n in range(7, 100)})
    assert "crm.deal.list is too slow (HTTP 502)" in loading.refusal(BITRIX24_ATTEMPTS="3")
    assert len(deals_of(loading)) == 100, "what was read stays"
    state = dict(loading.rows("select raw_table, is_complete from bitrix24.loaded_tables"))
    assert state["crm_status"] and not state["crm_deal"] and not state["tasks"]
    loading.emulator.faults = FaultPlan()
    asked = len(loading.emulator.calls("crm.deal.list"))
    loading.load()
    again = loading.emulator.calls("crm.deal.list")[asked]
    assert again.parameters["filter"] == {">ID": "100"}
    assert deals_of(loading) == deals_in_portal(loading)


@long
def test_rows_changed_behind_an_interrupted_walk_are_not_lost(loading: Loading) -> None:
    loading.emulator.faults = FaultPlan({n: Fault("html", 502) for n in range(7, 100)})
    loading.refusal(BITRIX24_ATTEMPTS="2")
    loading.emulator.faults = FaultPlan()
    loading.portal.clock.advance(days=2)
    loading.portal.modify("crm_deal", 7, stage_id="LOSE")
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)


@long
def test_chunks_are_committed_one_by_one(loading: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 100)
    loading.emulator.portal = loading.portal
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)


_KILLED = """
import os, signal, sys
from bitrix24_effectiveness.load import loading, portal
loading.CHUNK = 100
made = portal.Portal.pages
def pages(self, method, *asked):
    for page in made(self, method, *asked):
        if page.after > 100 and method.name == "crm.deal.list":
            os.kill(os.getpid(), signal.SIGKILL)
        yield page
portal.Portal.pages = pages
from bitrix24_effectiveness.cli import main
sys.argv = ["crm-effect", "load"]
main()
"""


@long
def test_a_killed_load_leaves_a_usable_database(loading: Loading) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED], env=os.environ | loading.env, cwd=REPOSITORY, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(deals_of(loading)) == 100
    assert no_secret_in(loading.folder)
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)
    assert sorted(path.name for path in loading.folder.iterdir()) == [
        "raw.duckdb",
        "raw.duckdb.lock",
    ]


def no_secret_in(folder: Path) -> bool:
    """Neither the webhook's secret nor a personal value is in any file."""
    return not any(
        text.encode() in path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        for text in (Emulator.secret, CANARY)
    )


@long
def test_only_columns_of_the_contract_are_asked_for_and_written(tmp_path: Path) -> None:
    with Emulator(demo(tmp_path)) as emulator:
        loading = Loading(tmp_path, emulator)
        loading.load()
        raw = Project(REPOSITORY, {}).raw_tables
        allowed = {column.name for table in raw.values() for column in table.columns}
        asked = {name.lower() for request in emulator.requests for name in request.select}
        assert asked and asked <= allowed
        assert len(loading.rows("from bitrix24.telephony_call")) > 100
        with duckdb.connect(str(loading.raw_db), read_only=True) as connection:
            for (table,) in connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
            ).fetchall():
                text = str(connection.execute(f"from {table}").fetchall())
                assert CANARY not in text and Emulator.secret not in text, table
    assert no_secret_in(tmp_path)


def demo(folder: Path) -> Portal:
    generate(folder / "demo.duckdb", leads=150, seed=1)
    return Portal.from_duckdb(folder / "demo.duckdb")


@pytest.mark.parametrize("code", ["NO_AUTH_FOUND", "expired_token", "PORTAL_DELETED"])
def test_a_webhook_that_is_no_more_is_said_in_one_line(loading: Loading, code: str) -> None:
    loading.emulator.refusal = code
    message = loading.refusal(BITRIX24_ATTEMPTS="2")
    assert f"the portal refuses ({code}" in message
    assert Emulator.secret not in message
    assert no_secret_in(loading.folder)


def test_an_optional_table_that_the_webhook_may_not_read_is_left_out(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.portal.scopes = {"crm", "user"}
    loading.portal.denied = {"crm.currency.list"}
    loading.portal.absent = {"crm.stagehistory.list"}
    loading.load()
    said = " ".join(capsys.readouterr().err.split())
    assert "tasks is left out: tasks.task.list: the webhook lacks the right (scope) `task`" in said
    assert "telephony_call is left out" in said
    assert "crm_currency is left out: crm.currency.list: the portal refuses" in said
    assert "crm_deal_stage_history is left out: crm.stagehistory.list: the portal has no" in said
    tables = {row[0] for row in loading.rows("select raw_table from bitrix24.loaded_tables")}
    assert "crm_deal" in tables and not {"tasks", "telephony_call", "crm_currency"} & tables


def test_a_required_table_that_the_webhook_may_not_read_is_an_error(loading: Loading) -> None:
    loading.portal.scopes = {"user", "task"}
    assert loading.refusal() == (
        "crm.status.list: the webhook lacks the right (scope) `crm`: add it there"
    )


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("http://portal.example/rest/1/abc/", "must begin with https://"),
        ("https://portal.example/1/abc/", "is no address of an incoming webhook"),
        ("portal.example", "is no address of an incoming webhook"),
    ],
)
def test_an_address_that_is_none_is_refused_unsaid(
    loading: Loading, address: str, complaint: str
) -> None:
    message = loading.refusal(BITRIX24_WEBHOOK_URL=address)
    assert complaint in message
    assert "abc" not in message


def test_a_portal_that_is_not_there(loading: Loading) -> None:
    message = loading.refusal(
        BITRIX24_WEBHOOK_URL=f"http://127.0.0.1:9/rest/1/{Emulator.secret}/", BITRIX24_ATTEMPTS="2"
    )
    assert message == (
        "127.0.0.1 cannot be reached (no connection): is the name right, and does this machine "
        "reach it?"
    )


@long
def test_a_dictionary_that_comes_empty_is_not_believed(loading: Loading) -> None:
    loading.load()
    del loading.portal.tables["crm_status"].rows[1]
    loading.portal.tables["crm_status"].keys.clear()
    with pytest.raises(DataError, match="crm_status: the portal no longer gives 1 of 1 rows"):
        loading.load()
    assert len(loading.rows("from bitrix24.crm_status")) == 1


@long
def test_two_sources_are_not_mixed(loading: Loading) -> None:
    generate(loading.raw_db, leads=20, seed=1)
    assert "raw tables that were not loaded from a portal" in loading.refusal()
    loading.raw_db.unlink()
    loading.load()
    message = loading.refusal(
        BITRIX24_WEBHOOK_URL=loading.emulator.webhook.replace("127.0.0.1", "localhost")
    )
    assert "holds the portal 127.0.0.1, BITRIX24_WEBHOOK_URL names localhost" in message


@long
def test_the_limits_of_a_portal_are_kept(tmp_path: Path) -> None:
    limits = Limits(per_second=20, at_once=3, operating=0.5, window=2.0, cost=0.1)
    with Emulator(small_portal(2000), limits=limits) as emulator:
        loading = Loading(tmp_path, emulator)
        tallies = loading.load(BITRIX24_REQUESTS_PER_SECOND="15", BITRIX24_OPERATING_LIMIT="0.4")
        assert tallies["crm_deal"].new == 2000


def test_a_database_that_is_open_elsewhere(loading: Loading) -> None:
    loading.load()
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(loading.raw_db)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        with pytest.raises(AnotherRunError, match="is open in another program"):
            loading.load()
        other.communicate(b"\n")


def test_the_command_for_schedulers(loading: Loading) -> None:
    home = loading.folder / "home"
    (home / ".dlt").mkdir(parents=True)
    (home / ".dlt/config.toml").write_text('[runtime]\nlog_level="DEBUG"\n', "utf-8")
    env = loading.env | {"HOME": str(home)}
    answer = run_command("--log-format", "json", "load", env=env, cwd=home)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    assert events[-1]["event"] == "load" and events[-1]["new"] == 133
    assert {"crm_deal", "users"} <= {event.get("table") for event in events}
    assert [path.name for path in home.rglob("*")] == [".dlt", "config.toml"]
    loading.emulator.refusal = "NO_AUTH_FOUND"
    answer = run_command("load", env=env | {"PYTHONWARNINGS": "default"}, cwd=home)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1 and "the webhook was deleted" in answer.stderr
    assert Emulator.secret not in answer.stderr


def test_run_loads_first_and_refuses_half_a_portal(mini: MiniProject, loading: Loading) -> None:
    Path(mini.env["CRM_RAW_DB"]).unlink()
    env = {name: value for name, value in loading.env.items() if not name.startswith("CRM_")}
    mini.write(".env", f"BITRIX24_WEBHOOK_URL='{env.pop('BITRIX24_WEBHOOK_URL')}'\n")
    loading.emulator.faults = FaultPlan({n: Fault("html", 502) for n in range(7, 100)})
    answer = mini.run("run", **env, BITRIX24_ATTEMPTS="2")
    assert answer.returncode == 2 and "HTTP 502" in answer.stderr
    dotenv = mini.folder / ".env"
    dotenv.rename(mini.folder / "elsewhere")
    answer = mini.run("build")
    assert answer.returncode == 2 and "the first load of" in answer.stderr, answer.stderr
    (mini.folder / "elsewhere").rename(dotenv)
    loading.emulator.faults = FaultPlan()
    answer = mini.run("build")
    answer = mini.run("run", **env)
    assert "loaded: " in answer.stderr and "built and tested" in answer.stderr, answer.stderr


def test_a_portal_is_loaded_into_postgresql(
    on_postgres: dict[str, str], loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 100)
    loading.load()
    loading.portal.clock.advance(hours=5)
    loading.portal.modify("crm_deal", 7, stage_id="WON")
    loading.portal.delete("crm_deal", 60)
    tallies = loading.load(sweep=True)
    assert (tallies["crm_deal"].changed, tallies["crm_deal"].deleted) == (1, 1)
    with psycopg.connect(
        host=on_postgres["PGHOST"], user=on_postgres["PGUSER"], dbname=on_postgres["PGDATABASE"]
    ) as connection:

        def found(query: str) -> list[tuple]:
            return connection.execute(query).fetchall()

        deals = found("select id, stage_id, opportunity, date_modify from bitrix24.crm_deal")
        assert sorted(deals, key=lambda deal: int(deal[0])) == deals_in_portal(loading)
        assert found("select uf_department from bitrix24.users") == [("[1]",)]
        assert found("select raw_table, id from bitrix24.deleted_rows") == [("crm_deal", "60")]
        assert found("select count(*) from bitrix24.loaded_tables where is_complete") == [(15,)]
