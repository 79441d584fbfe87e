from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import Emulator
from loading import Loading, small_portal


@pytest.fixture
def loading(tmp_path: Path) -> Iterator[Loading]:
    with Emulator(small_portal()) as emulator:
        yield Loading(tmp_path, emulator)
