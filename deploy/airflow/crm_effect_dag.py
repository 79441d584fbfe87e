"""Apache Airflow: `crm-effect run` every night. Copy the file to the folder of DAGs.

Three variables of the environment of the workers:
    CRM_EFFECT            path of the command, in an environment of its own: dbt and Airflow do not
                          share one; by default /opt/crm-effect/.venv/bin/crm-effect
    DBT_PROJECT_DIR       folder of the project; by default /opt/crm-effect
    BITRIX24_WEBHOOK_URL  address of the webhook, a password (or CRM_RAW_DB)
"""

import os
import subprocess
from datetime import datetime, timedelta

try:
    from airflow.sdk import dag, task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.exceptions import AirflowException, AirflowFailException

# data that fail their tests; published but for the report: another attempt gives the same
FINAL = (1, 4)


def run_crm_effect() -> None:
    """Runs it; retried are a portal that cannot be reached (2), another run (3), a kill."""
    project = os.environ.get("DBT_PROJECT_DIR", "/opt/crm-effect")
    command = os.environ.get("CRM_EFFECT", "/opt/crm-effect/.venv/bin/crm-effect")
    code = subprocess.run([command, "--log-format", "json", "run"], cwd=project).returncode
    if code in FINAL:
        raise AirflowFailException(f"crm-effect run ended with {code}")
    if code:
        raise AirflowException(f"crm-effect run ended with {code}")


@dag(
    schedule="10 3 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # a second one would only find the lock
    max_active_runs=1,
    tags=["crm"],
)
def crm_effect():
    """Load, check, build and publish; what becomes of it CRM_ON_FAILURE and CRM_ON_CHANGE tell."""
    task(
        run_crm_effect,
        retries=3,
        retry_delay=timedelta(minutes=15),
        execution_timeout=timedelta(hours=6),
    )()


crm_effect()
