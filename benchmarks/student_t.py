"""Writes the seed ``student_t``: quantiles of Student's t, so that SQL can look them up.

The table runs over 1 / degrees of freedom, in which a quantile is smooth down to the normal
distribution at 0, and holds its slope as well: between two rows the cubic through both values and
slopes (Hermite) is exact to 1e-10. No comparison has fewer than 2 degrees of freedom, so the table
ends there. To make it anew: ``python benchmarks/student_t.py``.
"""

from __future__ import annotations

import csv
from pathlib import Path

from scipy.stats import norm, t

SEED = Path(__file__).resolve().parents[1] / "seeds/student_t.csv"
# the factor of an interval at 95 %, and the one that adds 80 % power
LEVELS = {"975": 0.975, "800": 0.8}
STEPS = 250
# far from rounding, yet near enough for a slope: the error of the difference grows by its square
NEAR = 1e-4


def quantile(level: float, inverse_df: float) -> float:
    """The quantile at 1 / degrees of freedom; the normal distribution's at 0."""
    return norm.ppf(level) if inverse_df == 0 else t.ppf(level, 1 / inverse_df)


def slope(level: float, inverse_df: float) -> float:
    """Its derivative by 1 / degrees of freedom, by a difference of the fourth order."""
    if inverse_df == 0:
        # the first term of the expansion of Cornish and Fisher (1938)
        z = norm.ppf(level)
        return (z**3 + z) / 4
    near = min(NEAR, inverse_df / 4)
    outer = quantile(level, inverse_df + 2 * near) - quantile(level, inverse_df - 2 * near)
    inner = quantile(level, inverse_df + near) - quantile(level, inverse_df - near)
    return (8 * inner - outer) / (12 * near)


def main() -> None:
    """Write the seed."""
    with SEED.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, lineterminator="\n")
        names = [f"{kind}_{name}" for name in LEVELS for kind in ("quantile", "slope")]
        table.writerow(["inverse_df", *names])
        for step in range(STEPS + 1):
            inverse_df = 0.5 * step / STEPS
            values = [
                f"{function(level, inverse_df):.12f}"
                for level in LEVELS.values()
                for function in (quantile, slope)
            ]
            table.writerow([f"{inverse_df:.4f}", *values])


if __name__ == "__main__":
    main()
