"""One run at a time on a warehouse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bitrix24_effectiveness.errors import AnotherRunError


@contextmanager
def only_run(warehouse: Path) -> Iterator[None]:
    """Holds the lock beside the warehouse; the system lets go of it when the process ends.

    Raises:
        AnotherRunError: another process holds it.
    """
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    # apart from the lock, which Windows lets nobody else read
    holder = warehouse.with_name(warehouse.name + ".pid")
    try:
        lock = FileLock(warehouse.with_name(warehouse.name + ".lock")).acquire(blocking=False)
    except Timeout as error:
        process = holder.read_text("ascii") if holder.is_file() else "unknown"
        raise AnotherRunError(
            f"another run (process {process}) is working on {warehouse}: wait until it ends"
        ) from error
    with lock:
        holder.write_text(str(os.getpid()), "ascii")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)
