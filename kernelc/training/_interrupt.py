"""Ctrl-C during a run: the current dispatch is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Sets the event at the first Ctrl-C; the second raises KeyboardInterrupt as usual.

    An exception in the middle of a step would leave the parameters deleted: their buffers are
    donated to the step. Handlers other than that of Python are left in place, and threads other
    than the main one never get the signal.
    """
    asked = threading.Event()
    usual = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if usual is not signal.default_int_handler or not main:
        yield asked
        return

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.default_int_handler(number, frame)
        asked.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, usual)
