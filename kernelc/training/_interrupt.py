"""Ctrl-C during a run: the dispatch under way is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupt:
    """Whether the person asked for the end of the run."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Notes the first Ctrl-C; the second raises KeyboardInterrupt as always.

    An exception in the middle of a step would leave the parameters deleted: their buffers are
    donated to the step. Handlers other than that of Python are left in place, and threads other
    than the main one never get the signal.
    """
    found = Interrupt()
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or not _in_main_thread():
        yield found
        return

    def note(number: int, frame: FrameType | None) -> None:
        if found.asked:
            signal.default_int_handler(number, frame)
        found.asked = True

    signal.signal(signal.SIGINT, note)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, usual)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
