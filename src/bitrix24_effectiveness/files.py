"""Files that a reader sees whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe one, several times as fast where the library was built with it."""


def quote(identifier: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: object) -> str:
    """What stands between the quotes of an SQL string."""
    return str(text).replace("'", "''")


@contextmanager
def for_owner_alone() -> Iterator[None]:
    """Files that are made while the block runs can be read by nobody else: CRM data are personal.

    Files are 0600 and folders 0700, whatever library makes them; those that were there stay as
    they are.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def replaced_when_done(target: Path, mode: int | None = None) -> Iterator[Path]:
    """Gives a path beside `target` to write to; it takes the place of `target` when all went well.

    Readers of the old file go on with the old one. What a killed process left behind is removed
    by the next one.
    """
    for leftover in target.parent.glob(f".{target.name}.*.unfinished*"):
        if not _is_alive(leftover.name.removeprefix(f".{target.name}.").partition(".")[0]):
            remove(leftover)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    remove(unfinished)
    try:
        yield unfinished
        if mode is not None:
            unfinished.chmod(mode)
        sync(unfinished)
        # a log of changes to the old file would be replayed into the new one
        remove(target.with_name(target.name + ".wal"))
        os.replace(unfinished, target)
        sync(target.parent)
    except OSError as error:
        # a full disk names no file
        error.filename = error.filename or str(target)
        raise
    finally:
        remove(unfinished)
        remove(unfinished.with_name(unfinished.name + ".wal"))


def sync(path: Path) -> None:
    """Waits until the file, or the names in the folder, are on the disk; on Windows it cannot."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_alive(pid: str) -> bool:
    # there is no asking there: any signal ends the process
    if sys.platform == "win32":
        return True
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote; empty: nothing that can be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replaces the file as a whole."""
    with replaced_when_done(path) as unfinished:
        unfinished.write_text(json.dumps(value), "utf-8")
