"""A portal, emulated, loaded: the raw tables hold what the portal holds, whatever goes wrong.

Each schedule is drawn from its seed: what goes wrong, who changes what meanwhile, when the loader
is killed. LOAD_SCHEDULES=200 tries so many, LOAD_SEED=1000 from another seed on.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from random import Random

import duckdb
import pytest

from bitrix24_effectiveness.demo import generate
from emulator import CANARY, Emulator, Fault, FaultPlan, Portal
from emulator.faults import RandomFaults
from emulator.portal import People
from loading import CONTRACT, Loader, differences
from running import hunt

SCHEDULES = int(os.environ.get("LOAD_SCHEDULES", hunt(12)))
SEED = int(os.environ.get("LOAD_SEED", 0))


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loaded_portal") / "demo.duckdb"
    generate(path, leads=25, seed=1)
    return path


def test_the_raw_tables_equal_the_portal_and_hold_nothing_personal(
    demo_file: Path, tmp_path: Path
) -> None:
    with Emulator(Portal.from_duckdb(demo_file)) as emulator:
        loader = Loader(emulator, tmp_path)
        ended = loader.run()
        assert ended.code == 0, ended.output
        assert differences(loader.raw_db, emulator.portal) == []
        _nothing_personal(loader)
        assert emulator.secret not in ended.output
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or emulator.secret.encode() not in path.read_bytes(), path


def _nothing_personal(loader: Loader) -> None:
    contract = {column.upper() for columns in CONTRACT.values() for column in columns}
    for request in loader.emulator.requests:
        assert contract.issuperset(request.select), request
        assert request.select or not request.method.startswith(("crm.deal", "crm.contact"))
    with duckdb.connect(str(loader.raw_db), read_only=True) as connection:
        names = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal"
        ).fetchall()
        for schema, name in names:
            rows = connection.execute(f'from "{schema}"."{name}"').fetchall()
            assert CANARY not in str(rows), name


def test_a_second_load_asks_for_what_changed(demo_file: Path, tmp_path: Path) -> None:
    portal = Portal.from_duckdb(demo_file)
    with Emulator(portal) as emulator:
        loader = Loader(emulator, tmp_path)
        assert loader.run().code == 0
        first = len(emulator.calls("crm.activity.list"))
        portal.clock.advance(days=1)
        people = People(portal, Random(1))
        for _ in range(20):
            people.modify()
            people.create()
        portal.clock.advance(days=1)
        ended = loader.run()
        assert ended.code == 0, ended.output
        assert differences(loader.raw_db, portal) == []
        conditions = [
            request.parameters["filter"] for request in emulator.calls("crm.activity.list")[first:]
        ]
        assert all(">=LAST_UPDATED" in condition for condition in conditions)


def test_a_webhook_revoked_midway_is_named_and_a_new_one_goes_on(
    demo_file: Path, tmp_path: Path
) -> None:
    portal = Portal.from_duckdb(demo_file)
    # neither by its own method nor by the universal one
    portal.absent |= {"crm.lead.list", "crm.item.list"}
    portal.denied.add("voximplant.statistic.get")
    with Emulator(portal, FaultPlan({9: Fault("revoke")})) as emulator:
        loader = Loader(emulator, tmp_path)
        ended = loader.run()
        assert ended.code == 2
        assert "webhook" in ended.output and emulator.secret not in ended.output
        assert ended.output.count("error:") == 1 and "Traceback" not in ended.output
        emulator.refusal = None
        ended = loader.run()
        assert ended.code == 0, ended.output
        assert "crm.item.list" in ended.output and "voximplant.statistic.get" in ended.output
        # simple CRM without leads, telephony that the user may not see: the rest arrives
        for table in ("crm_lead", "telephony_call"):
            portal.tables[table].rows.clear()
        assert differences(loader.raw_db, portal) == []


@pytest.mark.parametrize("seed", range(SEED, SEED + SCHEDULES))
def test_nothing_is_lost_and_nothing_doubled(seed: int, demo_file: Path, tmp_path: Path) -> None:
    random = Random(seed)
    offset = random.choice((None, timedelta(hours=-5), timedelta(hours=10)))
    portal = Portal.from_duckdb(demo_file, utc_offset=offset)
    people = People(portal, random)
    with Emulator(portal, RandomFaults(seed), seed=seed) as emulator:
        loader = Loader(emulator, tmp_path, chunk=random.choice((60, 200, 50_000)))
        for _ in range(random.choice((1, 1, 2))):
            _load_in_the_end(loader, random)
            for _ in range(20):
                random.choice((people.create, people.modify, people.delete))()
            portal.clock.advance(hours=random.choice((1, 30, 200)))
        # what is changed during a load is taken over by the next one
        emulator.faults = RandomFaults(-seed - 1, changes=False)
        _load_in_the_end(loader, random, "--sweep", "--accept-deletions")
        assert differences(loader.raw_db, portal) == []
        _nothing_personal(loader)


def _load_in_the_end(loader: Loader, random: Random, *arguments: str) -> None:
    """Runs the loader as a scheduler does, again and again until it succeeds."""
    outputs = []
    for attempt in range(6):
        deadly = attempt < 3 and random.random() < 0.5
        kill = (random.choice((0, random.randint(1, 30))), random.random()) if deadly else None
        ended = loader.run(*arguments, kill=kill)
        assert "Traceback" not in ended.output, ended.output
        assert loader.emulator.secret not in ended.output
        if ended.code == 0:
            return
        outputs.append(f"{ended.code}: {ended.output}")
    raise AssertionError("no load succeeds:\n" + "\n".join(outputs))
