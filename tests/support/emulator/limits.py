"""How much a portal lets itself be asked: page `limits.md`."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass

BASKETS = 10


@dataclass(frozen=True)
class Limits:
    """Thresholds; None is no limit. Tests that must be quick raise the rates.

    The plans of the cloud: 2 a second and 50 at once, 5 and 250 for Enterprise.
    """

    per_second: float | None = None
    at_once: int = 50
    operating: float | None = None
    """Seconds that one method may run within the window."""
    window: float = 600.0
    """Seconds after which the time of a method is forgotten, a tenth of it at a time."""
    cost: float = 0.0
    """Seconds that one call of a method counts, in which nobody waits."""
    counting: float = 0.0
    """Seconds more for each row that a call counts: `start` other than -1."""
    request: float | None = None
    """Seconds that one HTTP request may take, all calls of a batch together: 60 in the cloud."""


class Meter:
    """Counts the requests and the time of methods of one webhook."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._level = 0.0
        self._seen = time.monotonic()
        self._baskets: dict[str, dict[int, list[float]]] = defaultdict(dict)

    def admits(self) -> bool:
        """Counts one HTTP request in the leaky bucket; False if it is one too many."""
        if self.limits.per_second is None:
            return True
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._seen) * self.limits.per_second) + 1
        self._seen = now
        return self._level <= self.limits.at_once

    def exhausted(self, method: str) -> bool:
        """Whether the method has used up its time before this call."""
        return self.limits.operating is not None and (
            self.operating(method) > self.limits.operating
        )

    def count(self, method: str, counted: int = 0) -> float:
        """Counts one call of the method, which counted so many rows. Returns its seconds."""
        seconds = self.limits.cost + self.limits.counting * counted
        now = time.monotonic()
        number = int(now / self.limits.window * BASKETS)
        basket = self._baskets[method].setdefault(number, [now, 0.0])
        basket[1] += seconds
        return seconds

    def operating(self, method: str) -> float:
        """Seconds that the method has run within the window."""
        now = time.monotonic()
        baskets = self._baskets[method]
        for number in [n for n, (first, _) in baskets.items() if now - first > self.limits.window]:
            del baskets[number]
        return sum(seconds for _, seconds in baskets.values())

    def reset_in(self, method: str) -> float:
        """Seconds until the oldest basket of the method is forgotten."""
        first = min((first for first, _ in self._baskets[method].values()), default=None)
        if first is None:
            return self.limits.window
        return max(0.0, first + self.limits.window - time.monotonic())
