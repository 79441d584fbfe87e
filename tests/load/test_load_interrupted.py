"""What a load that ends early leaves: all that it has read, and where to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from emulator import Emulator, Fault, FaultPlan
from loading import Loading, deals_in_portal, deals_of, small_portal
from running import REPOSITORY, long, sample

ATTEMPTS = {"BITRIX24_ATTEMPTS": "2"}


def states_of(loading: Loading) -> dict[str, bool]:
    return dict(loading.rows("select raw_table, is_complete from bitrix24.loaded_tables"))


@pytest.mark.parametrize(("sent", "code"), sample([(signal.SIGTERM, 143), (signal.SIGINT, 130)]))
def test_a_load_that_is_told_to_stop_writes_what_it_has_read(
    loading: Loading, sent: signal.Signals, code: int
) -> None:
    # the dictionaries, the users and a first batch of deals are read; the next answer is awaited
    loading.emulator.faults = FaultPlan({7: Fault("slow", 60)})
    command = [sys.executable, "-m", "bitrix24_effectiveness.cli", "load"]
    with subprocess.Popen(
        command, env=os.environ | loading.env, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    ) as process:
        while not loading.emulator.calls("crm.deal.list"):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert said == "error: stopped: 102 rows are written, the next load goes on there\n"
    assert len(deals_of(loading)) == 100
    asked = len(loading.emulator.calls("crm.deal.list"))
    loading.load()
    assert loading.emulator.calls("crm.deal.list")[asked].parameters["filter"] == {">ID": "100"}
    assert deals_of(loading) == deals_in_portal(loading)


_KILLED = """
import os, signal, sys
from bitrix24_effectiveness.load import loading, portal
loading.CHUNK, loading.SMALL = 500, 50
made = portal.Portal.pages
def pages(self, method, *asked):
    for page in made(self, method, *asked):
        if page.after > 2900 and method.name == "crm.deal.list":
            os.kill(os.getpid(), signal.SIGKILL)
        yield page
portal.Portal.pages = pages
from bitrix24_effectiveness.cli import main
sys.argv = ["crm-effect", "load"]
main()
"""


@long
def test_a_killed_load_repeats_no_more_than_a_chunk(tmp_path: Path) -> None:
    with Emulator(small_portal(3000)) as emulator:
        loading = Loading(tmp_path, emulator)
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED],
            env=os.environ | loading.env,
            cwd=REPOSITORY,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        # batches of 2, 10 and 50 pages: the second fills a chunk, the third is lost
        assert len(deals_of(loading)) == 600
        asked = len(emulator.calls("crm.deal.list"))
        loading.load()
        again = emulator.calls("crm.deal.list")[asked].parameters["filter"]
        assert again == {">ID": "600"}
        assert deals_of(loading) == deals_in_portal(loading)


def test_an_optional_table_that_fails_is_left_out_and_the_rest_goes_on(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    loading.portal.broken.add("user.get")
    loading.load(**ATTEMPTS)
    said = capsys.readouterr().err
    assert "users is left out: user.get: the portal refuses (INTERNAL_SERVER_ERROR" in said
    assert deals_of(loading) == deals_in_portal(loading)
    states = states_of(loading)
    assert states["tasks"] and "users" not in states and all(states.values())
    loading.portal.broken.clear()
    assert loading.load()["users"].new == 1


def test_a_required_table_that_fails_is_blamed_when_the_others_are_safe(loading: Loading) -> None:
    loading.portal.broken.add("crm.deal.list")
    assert "crm.deal.list: the portal refuses" in loading.refusal(**ATTEMPTS)
    states = states_of(loading)
    assert states["tasks"] and states["crm_activity"] and not states["crm_deal"]


class TasksFail(FaultPlan):
    """Of the tasks nothing but the first batch is answered."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self._emulator = emulator
        self._left = int(ATTEMPTS["BITRIX24_ATTEMPTS"])

    def at(self, number: int) -> tuple[Fault, ...]:
        if not self._left or not self._emulator.calls("tasks.task.list"):
            return ()
        self._left -= 1
        return (Fault("error"),)


@long
def test_half_of_an_optional_table_is_not_taken_for_a_whole_one(
    loading: Loading, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(130):
        loading.portal.create("tasks", status="5")
    loading.emulator.faults = TasksFail(loading.emulator)
    loading.load(**ATTEMPTS)
    assert "tasks is left out" in capsys.readouterr().err
    query = "select table_name from duckdb_tables() where schema_name = 'bitrix24'"
    names = {name for (name,) in loading.rows(query)}
    assert "tasks" not in names and "tasks__unfinished" in names
    states = states_of(loading)
    assert "tasks" not in states and all(states.values())
    loading.emulator.faults = FaultPlan()
    asked = len(loading.emulator.calls("tasks.task.list"))
    assert loading.load()["tasks"].after == 131
    again = loading.emulator.calls("tasks.task.list")[asked].parameters["filter"]
    assert int(again[">ID"]) >= 100, "what was read is not read again"


def test_tables_are_left_out_on_purpose(loading: Loading) -> None:
    loading.load(BITRIX24_SKIP_TABLES="tasks, crm_activity")
    assert not loading.emulator.calls("tasks.task.list")
    assert not loading.emulator.calls("crm.activity.list")
    states = states_of(loading)
    assert "tasks" not in states and all(states.values())
    assert loading.load()["tasks"].new == 1


@pytest.mark.parametrize(
    ("skipped", "complaint"),
    [("crm_deal", "crm_deal is required"), ("deals", "deals is no raw table")],
)
def test_only_optional_tables_are_left_out(loading: Loading, skipped: str, complaint: str) -> None:
    assert complaint in loading.refusal(BITRIX24_SKIP_TABLES=skipped)


@long
def test_a_table_that_was_dropped_by_hand_is_loaded_again(loading: Loading) -> None:
    loading.load()
    with duckdb.connect(str(loading.raw_db)) as connection:
        connection.execute("drop table bitrix24.crm_deal; drop table bitrix24.users")
    loading.load()
    assert deals_of(loading) == deals_in_portal(loading)
    assert loading.rows("select count(*) from bitrix24.users") == [(1,)]
    assert loading.load()["crm_deal"].new == 0
