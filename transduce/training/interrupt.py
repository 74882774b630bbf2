"""SIGINT and SIGTERM as a flag that the training loop looks at between updates."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import final


@final
class Stop:
    """``requested`` becomes true when the user asks the program to stop; ``signal`` names how."""

    def __init__(self) -> None:
        self.requested = False
        self.signal = ""

    def request(self, name: str) -> None:
        """Ask for a stop at the next place where everything can be saved."""
        self.requested, self.signal = True, name


@contextmanager
def catch_signals() -> Iterator[Stop]:
    """``with catch_signals() as stop:`` turns SIGINT and SIGTERM into ``stop.requested``.

    Another SIGINT after the first signal raises ``KeyboardInterrupt`` at once. The handlers that were
    there before are put back at the end. Outside the main thread Python allows no handlers, and
    nothing is caught.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.request(signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            # None: a handler that was not set from Python cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
