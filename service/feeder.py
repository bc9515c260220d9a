"""A simulated fleet into the log, each message when its arrival is due: what the demo and `gruard fleet` write with.

Event times and arrivals are the fleet's; the clock decides only when a message is written.
"""

import itertools
import math
import threading
import time
from collections.abc import Iterator, Sequence

from service.fleet import Fleet, Sample, message
from service.streams.log import Log, Message

BATCH_S = 0.1  # of the clock: what is due within is appended together
BATCH = 4096  # messages appended together at most


class Feeder(threading.Thread):
    """Everything it tells is of what is already in the log, so another thread may read it at any time."""

    def __init__(self, fleet: Fleet, log: Log, speed: float, readings: int | None = None) -> None:
        """speed: times as fast as the clock, 0 = as fast as it can. readings: it ends after so many."""
        super().__init__(name="feeder", daemon=True)
        self._fleet, self._log, self._speed, self._readings = fleet, log, speed, readings
        self.stop = threading.Event()
        self.appended = 0
        self.position_ms = fleet.start_ms  # arrivals before it are in the log
        self.classes: dict[str, str] = {}  # device -> class
        self.finished = False
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for _ in self.feed():
                pass
        except Exception as error:
            self.error = error
        finally:
            self.finished = True

    def leave(self) -> None:
        """Stop feeding, now."""
        self.stop.set()
        if self.is_alive():
            self.join()

    def feed(self) -> Iterator[int]:
        """Write until the end or `stop`; gives the number of messages after each batch. Closes the log."""
        began = time.monotonic()
        try:
            for batch in self._batches():
                due_s = (batch[-1].arrival_ms - self._fleet.start_ms) / 1000 / self._speed if self._speed else 0.0
                if self.stop.wait(max(began + due_s - time.monotonic(), 0)):
                    return
                self._append(batch)
                yield len(batch)
        finally:
            self._log.close()

    def _batches(self) -> Iterator[list[Sample]]:
        quantum_ms = BATCH_S * self._speed * 1000
        # A wish for so many readings is met to the last one: the fleet plays on in health past its planned end.
        samples = self._fleet.readings(None if self._readings is None else math.inf)
        samples = itertools.islice(samples, self._readings)
        for _, due in itertools.groupby(samples, lambda s: s.arrival_ms // quantum_ms if quantum_ms else 0):
            while batch := list(itertools.islice(due, BATCH)):
                yield batch

    def _append(self, batch: Sequence[Sample]) -> None:
        self._log.append(Message(*message(sample), sample.arrival_ms) for sample in batch)
        self.classes.update((sample.device, sample.class_name) for sample in batch)
        self.appended += len(batch)
        self.position_ms = batch[-1].arrival_ms
