"""How the worker is, in the words that /livez, /readyz and /startupz say."""

import threading
import time
from collections.abc import Callable

from service.worker.observer import RestoreResult, Silent

STALLED_S = 30.0  # a round of the loop takes a tenth of a second; a restore slice some seconds


class Vitals(Silent):
    """An Observer that can say how the worker is. Told on the worker's thread, asked on any."""

    def __init__(self, stop: threading.Event, monotonic: Callable[[], float] = time.monotonic) -> None:
        """stop: set once an orderly end has been asked for."""
        self._stop, self._monotonic = stop, monotonic
        self._turned = monotonic()
        self._restoring: set[int] = set()
        self._running: set[int] = set()
        self._tripped: dict[int, str] = {}
        self._has_turned = False
        self._refused = ""
        self._waits_until = 0.0

    def turned(self) -> None:
        self._turned = self._monotonic()
        self._has_turned = True
        self._refused = ""

    def unavailable(self, reason: str, retry_s: float) -> None:
        self._refused, self._waits_until = reason, self._monotonic() + retry_s

    def restoring(self, partition: int) -> None:
        self._restoring.add(partition)
        self._tripped.pop(partition, None)

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self._restoring.discard(partition)
        self._running.add(partition)

    def parked(self, partition: int) -> None:
        self.dropped(partition)

    def dropped(self, partition: int) -> None:
        self._restoring.discard(partition)
        self._running.discard(partition)
        self._tripped.pop(partition, None)

    def tripped(self, partition: int, told: str) -> None:
        self._tripped[partition] = told

    def uncertain(self, reason: str, retry_s: float) -> None:
        self.unavailable(reason, retry_s)

    def live(self) -> str:
        """Empty: well. Waiting for a stream that refuses is not a reason to be killed."""
        quiet = self._monotonic() - max(self._turned, self._waits_until)
        return "" if quiet < STALLED_S else f"no round of the loop for {quiet:.0f} s"

    def started(self) -> str:
        """A worker to which a group gives nothing has started all the same, and is one to step in."""
        return "" if self._has_turned or self._holds() else "no partition assigned yet"

    def partitions(self) -> tuple[int, int]:
        """Running and restoring ones."""
        return len(self._running), len(self._restoring)

    def _holds(self) -> bool:
        return bool(self._running or self._restoring)

    def ready(self) -> str:
        if self._stop.is_set():
            return "stopping"
        if self._refused:
            return f"stream unavailable: {self._refused}"
        if self._restoring:
            return f"restoring {len(self._restoring)} of {len(self._restoring) + len(self._running)} partitions"
        if self._tripped:
            return "; ".join(self._tripped[partition] for partition in sorted(self._tripped))
        return "" if self._holds() else "no partition assigned"
