"""What docs/benchmark.md says of loading holds wherever it is measured, but for seconds."""

from __future__ import annotations

from load_ratios import measured, table
from running import long


@long
def test_a_load_asks_hardly_more_than_full_batches_need() -> None:
    found = measured(100_000, times=1)
    assert 1 <= found.requests / found.fewest <= 1.15
    assert found.load.peak_mb < 500
    assert "100,000" in table([found])
