"""What dlt is told in this project: by environment variables, which it asks before its own files.

So a `config.toml` in `~/.dlt` or in the working directory changes none of this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    # the load decides itself what a signal means
    "RUNTIME__INTERCEPT_SIGNALS": "false",
    "SCHEMA__NAMING": "snake_case",
    "NORMALIZE__MODEL_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    # a reader never sees a table that is emptied and not yet filled again
    "DESTINATION__REPLACE_STRATEGY": "insert-from-staging",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
    "LOAD__RAISE_ON_MAX_RETRIES": "3",
    "LOAD__TRUNCATE_STAGING_DATASET": "true",
}


@contextmanager
def dlt_settings(folder: Path) -> Iterator[None]:
    """Lets dlt work with these settings, and keep its files in a folder, while the block runs."""
    told = SETTINGS | {"DLT_DATA_DIR": str(folder), "DLT_PROJECT_DIR": str(folder)}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
