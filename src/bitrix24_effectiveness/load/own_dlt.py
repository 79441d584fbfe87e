"""dlt by itself: no settings of this machine, no telemetry, no folder in anybody's home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# before the first import: telemetry is on by default
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

from dlt.common.configuration.providers import ConfigProvider, CustomLoaderDocProvider
from dlt.common.runtime.run_context import RunContext, switched_run_context

_SETTINGS = {
    "runtime": {"dlthub_telemetry": False, "log_level": "ERROR"},
    "normalize": {"model_normalizer": {"add_dlt_load_id": False}},
    # a reader never sees a table that is emptied and not yet filled again
    "destination": {"replace_strategy": "insert-from-staging"},
    "load": {
        "delete_completed_jobs": True,
        "raise_on_max_retries": 3,
        "truncate_staging_dataset": True,
    },
}


class _Context(RunContext):
    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._global_dir = str(folder)

    def initial_providers(self) -> list[ConfigProvider]:
        return [CustomLoaderDocProvider("crm-effect", lambda: _SETTINGS)]


@contextmanager
def own_dlt(folder: Path) -> Iterator[None]:
    """Lets dlt work with the settings of this project alone while the block runs."""
    with switched_run_context(_Context(folder)):
        yield
