"""A load that is told to stop ends where nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bitrix24_effectiveness.errors import CrmEffectError


class StoppedError(CrmEffectError):
    """Somebody ended the load; what was read is written."""

    def __init__(self, text: str, signum: int) -> None:
        """Takes the signal, from which the exit code follows."""
        super().__init__(text)
        self.exit_code = 128 + signum


class StopRequested(KeyboardInterrupt):
    """Raised where waiting for the portal may end at once."""


class Stopping:
    """Hears SIGTERM and Ctrl-C: while the load waits they end it, while it writes they wait.

    The second signal is not waited for.
    """

    def __init__(self) -> None:
        """Hears nothing yet."""
        self.signum = 0
        self._may_interrupt = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hears signals while the block runs. Python gives them to its main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

        def receive(signum: int, _: FrameType | None) -> None:
            self.signum = signum
            for one, handler in before.items():
                signal.signal(one, handler)
            if self._may_interrupt:
                raise StopRequested

        for one in before:
            signal.signal(one, receive)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block that may be left at any moment.

        Raises:
            StopRequested: a signal came, now or before.
        """
        self._may_interrupt = True
        try:
            if self.signum:
                raise StopRequested
            yield
        finally:
            self._may_interrupt = False
