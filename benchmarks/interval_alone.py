"""The interval by itself, on months drawn from known distributions: thousands of portals a cell.

What whole portals can show only roughly (`calibration.py`). The interval is that of the oracle,
which equals the models' own (tests/effect/test_effect_equals_oracle.py). Conversion is 12 % before;
leads come at random, and each month has a conversion of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from oracle.estimate import Window, difference, residual_autocorrelation

CONVERSION = 0.12
MONTHS = 12
# the month between the windows
RAMP_UP = 1
LONGEST = 60
YOUNG = 3
RISE = 0.2
SIZES = (40, 300, 1000)
# how far a month's conversion lies from the mean, and how much it hangs together with the last one
KINDS = {
    "equal": (0.0, 0.0),
    "differ by 20 %": (0.2, 0.0),
    "differ by 20 %, autocorrelation 0.5": (0.2, 0.5),
}

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """What came of the portals of one kind and size, in shares of them."""

    called_changed: float
    """Nothing had changed."""
    told: float
    """Conversion had risen by a fifth, and was called better."""
    able: float
    """`is_able_to_tell` in these."""
    told_when_able: float | None
    promised: float
    """With three months after, not told yet, and a number of months given (`months_to_tell`)."""
    told_when_promised: float | None
    """Told after that number of months."""


def drawn(
    rng: np.random.Generator, leads: int, spread: float, memory: float, shape: tuple[int, int]
) -> tuple[Counts, NDArray[np.float64]]:
    """Leads and the conversion of each month, of portals in which nothing changes."""
    noise = rng.standard_normal(shape)
    for month in range(1, shape[1]):
        noise[:, month] = memory * noise[:, month - 1] + math.sqrt(1 - memory**2) * noise[:, month]
    return rng.poisson(leads, shape), CONVERSION * (1 + spread * noise)


def won_of(rng: np.random.Generator, created: Counts, conversion: NDArray[np.float64]) -> Counts:
    return rng.binomial(created, np.clip(conversion, 0.001, 0.999))


def windows(won: Counts, created: Counts, before: int, after: int) -> tuple[Window, Window]:
    """The first months before and after; the ramp-up lies between them."""

    def window(first: int, count: int) -> Window:
        y, x = (part[first : first + count].tolist() for part in (won, created))
        return Window(tuple(range(first, first + count)), tuple(y), tuple(x))

    return window(0, before), window(MONTHS + RAMP_UP, after)


def months_needed(before: Window, after: Window) -> int | None:
    """What `months_to_tell` says without ramp-up: months go on differing as those so far."""
    assert before.ratio is not None and before.variance is not None and after.variance is not None
    r = residual_autocorrelation([before, after])
    r = min(max(r + (1 + 3 * max(r, 0.0)) / MONTHS, 0.0), 0.9)
    factor = (1 + r) / (1 - r)
    quantiles = sum(t.ppf([0.975, 0.8], max(2 * (MONTHS - 1) / factor, 2)))
    allowed = (RISE * before.ratio / quantiles) ** 2 / factor
    of_before, of_after = before.variance * before.size, after.variance * after.size
    if of_before + of_after <= allowed * MONTHS:
        return max(math.ceil((of_before + of_after) / allowed), YOUNG)
    rest = allowed - of_before / MONTHS
    return max(math.ceil(of_after / rest), YOUNG) if rest > 0 else None


def cell(portals: int, leads: int, spread: float, memory: float) -> Cell:
    """So many portals, each with twelve months on either side."""
    rng = np.random.default_rng(11)
    created, conversion = drawn(rng, leads, spread, memory, (portals, MONTHS + RAMP_UP + LONGEST))
    is_after = np.arange(created.shape[1]) >= MONTHS + RAMP_UP
    quiet = won_of(rng, created, conversion)
    risen = won_of(rng, created, conversion * (1 + RISE * is_after))
    changed = told = able = able_told = promised = kept = 0
    for still, better, x in zip(quiet, risen, created, strict=True):
        found = difference(*windows(still, x, MONTHS, MONTHS))
        changed += not found.low <= 0 <= found.high
        before, after = windows(better, x, MONTHS, MONTHS)
        found = difference(before, after)
        told += found.low > 0
        if found.smallest_detectable <= RISE * before.ratio:
            able += 1
            able_told += found.low > 0
        # the months before that have a twin after
        young = windows(better, x, YOUNG, YOUNG)
        months = None if difference(*young).low > 0 else months_needed(*young)
        if months is not None and months <= LONGEST:
            promised += 1
            kept += difference(*windows(better, x, min(months, MONTHS), months)).low > 0
    return Cell(
        changed / portals,
        told / portals,
        able / portals,
        able_told / able if able else None,
        promised / portals,
        kept / promised if promised else None,
    )


def cells(portals: int) -> dict[tuple[str, int], Cell]:
    """Of each kind of months and size."""
    return {
        (kind, leads): cell(portals, leads, *KINDS[kind]) for kind, leads in product(KINDS, SIZES)
    }
