"""An orderly end: asked for by a signal or from inside, waited for by whoever works.

Whoever can't wait asks twice: the second signal ends the process at once, which is as safe as kill -9.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C asks for an orderly end; a second one does not wait for it. Main thread only.

    A second SIGTERM exits with 0, for it was asked for. A second Ctrl-C raises KeyboardInterrupt (130), a third exits.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGTERM, _exit)
        signal.signal(signal.SIGINT, _interrupt)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _exit)
    raise KeyboardInterrupt


def _exit(number: int, frame: FrameType | None) -> None:
    # Not the default action: the kernel keeps that from the first process of a container.
    os._exit(0 if number == signal.SIGTERM else 128 + number)
