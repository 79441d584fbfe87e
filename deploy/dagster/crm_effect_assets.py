"""Dagster: an asset for each phase of crm-effect, a schedule, and a sensor for nights missed.

`dagster dev -f crm_effect_assets.py`. Three variables of the environment:
    CRM_EFFECT            path of the command, in an environment of its own; by default
                          /opt/crm-effect/.venv/bin/crm-effect
    DBT_PROJECT_DIR       folder of the project; by default /opt/crm-effect
    BITRIX24_WEBHOOK_URL  address of the webhook, a password (or CRM_RAW_DB)
"""

import json
import os
import subprocess
from datetime import UTC, datetime

import dagster as dg

PROJECT = os.environ.get("DBT_PROJECT_DIR", "/opt/crm-effect")
COMMAND = os.environ.get("CRM_EFFECT", "/opt/crm-effect/.venv/bin/crm-effect")
MAX_AGE_HOURS = 26
# data that fail their tests; published but for the report: another attempt gives the same
FINAL = (1, 4)
PHASES = {
    "raw_tables": "load",
    "checked_raw_tables": "guard",
    "tested_marts": "build",
    "published_marts": "publish",
}
if not os.environ.get("BITRIX24_WEBHOOK_URL"):
    # other tools load the portal
    del PHASES["raw_tables"]


def asset_of(name: str, command: str, before: list[str]) -> dg.AssetsDefinition:
    """A phase; its materialization has the numbers that the command tells."""

    @dg.asset(
        name=name,
        deps=before,
        group_name="crm_effect",
        description=f"crm-effect {command}",
        retry_policy=dg.RetryPolicy(max_retries=3, delay=900),
    )
    def phase(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        told, why = {}, ""
        with subprocess.Popen(
            [COMMAND, "--log-format", "json", command],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            for line in process.stdout:
                try:
                    event = json.loads(line)
                except json.JSONDecodeError:
                    # of a library
                    context.log.debug(line)
                    continue
                level = {"error": "error", "warning": "warning"}.get(event["level"], "debug")
                getattr(context.log, level)(event["message"])
                if event["event"] == "error":
                    why = event["message"]
                # not of each step of a progress
                if "done" not in event:
                    told |= {key: n for key, n in event.items() if isinstance(n, int | float)}
        if process.returncode:
            raise dg.Failure(
                f"crm-effect {command} ended with {process.returncode}: {why}",
                allow_retries=process.returncode not in FINAL,
            )
        return dg.MaterializeResult(metadata=told)

    return phase


names = list(PHASES)
assets = [
    asset_of(name, PHASES[name], names[max(number - 1, 0) : number])
    for number, name in enumerate(names)
]
job = dg.define_asset_job("crm_effect", selection=dg.AssetSelection.groups("crm_effect"))


@dg.sensor(job=job, minimum_interval_seconds=3600)
def missed_night(context: dg.SensorEvaluationContext):
    """Once a day at most: what is published has grown too old, so a night was missed."""
    asked = [COMMAND, "status", "--max-age", str(MAX_AGE_HOURS)]
    if subprocess.run(asked, cwd=PROJECT, capture_output=True).returncode == 1:
        return dg.RunRequest(run_key=f"{datetime.now(UTC):%Y-%m-%d}")
    return dg.SkipReason("what is published is fresh, or cannot be read")


definitions = dg.Definitions(
    assets=assets,
    jobs=[job],
    schedules=[dg.ScheduleDefinition(job=job, cron_schedule="10 3 * * *")],
    sensors=[missed_night],
)
