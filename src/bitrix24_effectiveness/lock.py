"""One run at a time on a warehouse."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bitrix24_effectiveness.errors import AnotherRunError


@contextmanager
def only_run(warehouse: Path) -> Iterator[None]:
    """Holds the lock beside the warehouse; the system lets go of it when the process ends.

    Raises:
        AnotherRunError: another process holds it.
    """
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    path = warehouse.with_name(warehouse.name + ".lock")
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise AnotherRunError(
                f"another run (process {holder}) is working on {warehouse}: wait until it ends"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
