"""A throw-away PostgreSQL server from the machine's own binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy

# what DuckDB calls otherwise
TYPES = {"string": "text", "DOUBLE": "double precision", "BLOB": "bytea"}

MISSING = "no PostgreSQL server binaries here: apt-get install postgresql (15 or newer)"


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    # Debian keeps the server's binaries out of the path
    candidates = [Path(found).resolve()] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    complete = [path.parent for path in candidates if (path.parent / "pg_ctl").exists()]
    return complete[0] if complete else None


@contextmanager
def server() -> Iterator[str]:
    """Gives the SQLAlchemy URL of an empty database; the server is gone afterwards."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(MISSING)
    # the server refuses to run as root, and sockets need a short path
    owner = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if owner:
            shutil.chown(folder, "postgres", "postgres")

        def run(*command: str) -> None:
            subprocess.run(
                [str(binaries / command[0]), *command[1:]],
                check=True,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                **owner,
            )

        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "crm", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8")  # fmt: skip
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "-D", data, "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://crm@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(url: str, name: str, options: str = "") -> Iterator[dict[str, str]]:
    """Gives the environment of a run on an empty database of the server."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            creation = f'create database "{name}" template template0 {options}'
            connection.execute(sqlalchemy.text(creation))
    finally:
        engine.dispose()
    yield {
        "CRM_TARGET": "postgres",
        "PGHOST": str(engine.url.query["host"]),
        "PGPORT": "5432",
        "PGUSER": str(engine.url.username),
        "PGDATABASE": name,
        "PGPASSWORD": "",
    }


def copy(
    source: duckdb.DuckDBPyConnection, from_: str, target: psycopg.Connection, to: str
) -> None:
    """Copies a table with its types."""
    columns = source.execute(f"describe {from_}").fetchall()
    typed = ", ".join(f'"{name}" {TYPES.get(kind, kind)}' for name, kind, *_ in columns)
    target.execute(f"create table {to} ({typed})")
    rows = source.execute(f"select columns(*)::varchar from {from_}").fetchall()
    with target.cursor().copy(f"copy {to} from stdin") as stream:
        for row in rows:
            stream.write_row(row)


if __name__ == "__main__":
    sys.exit(None if _binaries() else MISSING)
