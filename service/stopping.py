"""An orderly end: asked for by a signal or from inside, waited for by whoever works."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGTERM or Ctrl-C asks for an orderly end; a second Ctrl-C does not wait for it. Main thread only."""

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
