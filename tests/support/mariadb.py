"""A throw-away MariaDB server from the machine's own binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Gives the environment in which the client `mysql` finds it; it is gone afterwards."""
    if not all(map(shutil.which, ("mariadbd", "mariadb-install-db", "mysql"))):
        pytest.skip("no MariaDB server here: apt-get install mariadb-server")
    # sockets need a short path
    folder = Path(tempfile.mkdtemp(prefix="my-", dir="/tmp"))
    owner = ["--user=root"] if os.geteuid() == 0 else []
    data, socket = f"--datadir={folder / 'data'}", folder / "s"
    environment = os.environ | {"HOME": str(folder)}
    (folder / ".my.cnf").write_text(f"[client]\nsocket={socket}\n", "utf-8")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    process = None
    try:
        install = ["mariadb-install-db", "--no-defaults", data, "--skip-test-db", *owner]
        subprocess.run(install, check=True, timeout=120, **quiet)
        options = ["--skip-networking", "--skip-grant-tables", f"--socket={socket}", *owner]
        process = subprocess.Popen(["mariadbd", "--no-defaults", data, *options], **quiet)
        for _ in range(300):
            if process.poll() is not None or socket.exists():
                break
            time.sleep(0.1)
        assert socket.exists(), "MariaDB did not start"
        yield environment
    finally:
        if process:
            process.terminate()
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)
