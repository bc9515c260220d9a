"""Ends the process when a call of the Kafka client that has no time limit of its own does not come back.

Such a call can't be interrupted from outside. To exit is safe: a restart is exact, and whoever supervises sees why.
"""

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import UnavailableError


class Watchdog:
    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    @contextmanager
    def watch(self, call: str) -> Iterator[None]:
        bite = threading.Timer(self._limit_s, self._bite, (call,))
        bite.daemon = True
        bite.start()
        try:
            yield
        finally:
            bite.cancel()

    def _bite(self, call: str) -> None:
        print(
            f"gruard: {call} has not come back for {self._limit_s:g} s (kafka.watchdog_s); leaving, a restart is exact",
            file=sys.stderr,
            flush=True,
        )
        faulthandler.dump_traceback(all_threads=True)
        os._exit(UnavailableError.exit_code)
