"""What goes wrong with which HTTP request: told one by one, or drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

CONNECTION = ("reset_before", "reset_after", "cut", "truncated", "gzip")
"""Closed before the request is heard, after it, within the answer; JSON that ends early; a body
that says it is compressed and is not."""

CHANGES = ("create", "modify", "delete")
"""Somebody works in the portal just before the request, or between two calls of a batch."""

HARMLESS = ("slow", "repeat")
"""An answer that comes late; one that delivers the page before once more, and rows twice."""

ANSWERS = (
    "QUERY_LIMIT_EXCEEDED",
    "OPERATION_TIME_LIMIT",
    "INTERNAL_SERVER_ERROR",
    "ERROR_UNEXPECTED_ANSWER",
)
"""Errors of the portal that pass."""

LASTING = ("revoke",)
"""The webhook is deleted: no later request is answered."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Args:
        kind: One of the kinds of this module; `html` for a page of the web server with status
            `number`; `batch` for an error `code` of `number` calls of a batch; `error` for `code`.
        number: Seconds of `slow`, rows of a change, calls of `batch`, status of `html`.
        code: Code of `error` and `batch`.
        retry_after: The header of this name in the answer of `error` and `html`.
    """

    kind: str
    number: float = 1
    code: str = "INTERNAL_SERVER_ERROR"
    retry_after: str | None = None

    @property
    def fails(self) -> bool:
        """Whether the client gets no answer that it can use."""
        return self.kind not in (*CHANGES, *HARMLESS, "batch")


class FaultPlan:
    """Faults by the number of the HTTP request, which begins at 1."""

    def __init__(self, faults: Mapping[int, Fault | Sequence[Fault]] | None = None) -> None:
        self._faults = dict(faults or {})

    def at(self, number: int) -> Sequence[Fault]:
        """What happens to the request of this number. Asked once for each, in order."""
        faults = self._faults.get(number, ())
        return (faults,) if isinstance(faults, Fault) else faults


class RandomFaults(FaultPlan):
    """Faults drawn from a seed.

    Args:
        seed: The same seed gives the same faults for the same number of requests.
        rate: Share of the requests at which something begins to go wrong.
        changes: Whether people work in the portal meanwhile.
        patience: Longest row of requests that get no usable answer. A client that tries once more
            than this gets through.
    """

    def __init__(
        self, seed: int, rate: float = 0.25, *, changes: bool = True, patience: int = 3
    ) -> None:
        super().__init__()
        self._random = Random(seed)
        self._rate = rate
        self._changes = changes
        self._patience = patience
        self._storm: list[Fault] = []
        self._failed = 0

    def at(self, number: int) -> Sequence[Fault]:
        """What happens to the next request."""
        faults = self._draw()
        if any(fault.fails for fault in faults):
            self._failed += 1
            if self._failed > self._patience:
                faults, self._storm, self._failed = (), [], 0
        else:
            self._failed = 0
        return faults

    def _draw(self) -> Sequence[Fault]:
        random = self._random
        if self._storm:
            return (self._storm.pop(),)
        if random.random() >= self._rate:
            return ()
        kinds = ("error", "html", "connection", "harmless", "batch")
        kind = random.choice((*kinds, "change", "change") if self._changes else kinds)
        if kind == "error":
            error = Fault("error", code=random.choice(ANSWERS))
            self._storm = [error] * random.choice((0, 0, 1, 2))
            return (error,)
        if kind == "html":
            return (Fault("html", random.choice((200, 500, 502, 503, 504))),)
        if kind == "connection":
            return (Fault(random.choice(CONNECTION)),)
        if kind == "batch":
            return (Fault("batch", random.randint(1, 3), random.choice(ANSWERS[:3])),)
        if kind == "harmless":
            return (Fault(random.choice(HARMLESS), 0.02),)
        changes = random.sample(CHANGES, random.randint(1, len(CHANGES)))
        return tuple(Fault(change, random.randint(1, 4)) for change in changes)
