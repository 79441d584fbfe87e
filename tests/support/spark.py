"""Apache Spark in local mode, set as the target `spark` of the profile sets it."""

from __future__ import annotations

import sys
from typing import Any

from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse.spark import missing, spark_session

# tables of a few hundred rows: compiling Java for a query takes longer than running it
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}


def session(settings: dict[str, str] | None = None) -> Any:
    """The Spark session of this process, as the environment says."""
    return spark_session(Project.find({}), settings)


if __name__ == "__main__":
    sys.exit(missing())
