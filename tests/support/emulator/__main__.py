"""Serves a raw file from the command line, to try a client by hand or to measure it.

cd tests/support && python -m emulator ../../data/raw.duckdb
"""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

from emulator import Emulator, FaultPlan, Limits, Portal
from emulator.faults import RandomFaults


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser("emulator", description=__doc__)
    parser.add_argument("raw", type=Path, help="DuckDB file as `crm-effect demo` writes it")
    parser.add_argument("--port", type=int, default=0, help="port of loopback; a free one if 0")
    parser.add_argument("--per-second", type=float, help="requests a second, 2 on most plans")
    parser.add_argument("--faults", type=int, metavar="SEED", help="faults drawn from this seed")
    given = parser.parse_args()
    faults = FaultPlan() if given.faults is None else RandomFaults(given.faults)
    portal = Portal.from_duckdb(given.raw)
    with Emulator(portal, faults, Limits(per_second=given.per_second), port=given.port) as emulator:
        print(f"emulator of a Bitrix24 portal: BITRIX24_WEBHOOK_URL={emulator.webhook}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(emulator.requests)} calls answered")


if __name__ == "__main__":
    main()
