"""What the worker tells, kept for those who ask: an Observer on the worker's thread, copies for all others.

The list of devices is not kept up to date for nobody. Who asks leaves word; at the end of its round the worker copies
the columns (a millisecond for 100,000 devices, once a second at most) and puts the copy in place of the last one.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from service.api.alertbook import AlertBook
from service.api.fleet import Fleet
from service.api.recorder import Recorder
from service.detector.roster import Roster
from service.records import AlertRecord
from service.worker.observer import RestoreResult, Silent

FRESH_S = 1.0  # a list of devices is not asked for more often
SOON_S = 0.25  # not even for a device that is not on it
WAIT_S = 0.5  # for the worker's round to end; then the last list has to do
FIRST_S = 1.5  # the same where there is no list yet
TURNING_S = 2.0  # since the last round: a worker that stands still is not waited for


class UnlistedError(Exception):
    """No list of devices has been made yet, which is not the same as an empty one."""


class Source(Protocol):
    """What is asked of the detector, on the worker's thread."""

    def rosters(self) -> list[Roster]: ...
    def devices(self) -> int: ...
    def open_alerts(self, partition: int) -> dict[str, bytes]: ...


class Lag(NamedTuple):
    records: int
    arrival_ms: int | None


class News(Silent):
    def __init__(self, source: Source, book: AlertBook, recorder: Recorder) -> None:
        self._source, self._book, self._recorder = source, book, recorder
        self.started_ms = time.time_ns() // 1_000_000
        self.readings_done = 0
        self.devices = 0
        self.lags: dict[int, Lag] = {}
        self._turned = self._taken = float("-inf")
        self._wanted = False
        self._rosters: list[Roster] = []
        self._fleet: tuple[list[Roster], Fleet] = (self._rosters, Fleet())
        self._told = threading.Condition()
        self._making = threading.Lock()

    # On the worker's thread.

    def turned(self) -> None:
        self._turned = time.monotonic()
        self.devices = self._source.devices()
        if self._wanted:
            self._wanted, taken = False, time.monotonic()
            self._rosters = self._source.rosters()
            with self._told:  # others hold it only to begin to wait
                self._taken = taken
                self._told.notify_all()

    def readings(self, partition: int, counts: Mapping[str, int]) -> None:
        self.readings_done += counts.get("stepped", 0)

    def lag(self, partition: int, records: int, arrival_ms: int | None) -> None:
        last = self.lags.get(partition)
        known = last.arrival_ms if arrival_ms is None and last else arrival_ms
        self.lags[partition] = Lag(records, known)

    def alerts(self, partition: int, alerts: Sequence[AlertRecord]) -> None:
        if alerts:
            self._tell({self._book.hear(partition, alert.value) for alert in alerts})

    def _tell(self, devices: set[str]) -> None:
        troubled = {device for device in devices if self._book.is_troubled(device)}
        self._recorder.told(sorted(troubled), sorted(devices - troubled))

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        gone, values = self._book.forget(partition), self._source.open_alerts(partition).values()
        self._tell({*gone, *(self._book.hear(partition, value) for value in values)})

    def dropped(self, partition: int) -> None:
        self._recorder.dropped(partition, self._book.forget(partition))
        self.lags.pop(partition, None)

    # On any thread.

    @property
    def _is_listed(self) -> bool:
        return self._taken > float("-inf")

    def fleet(self, fresh: bool = False) -> Fleet:
        """As of at most a second ago while the worker turns, else as of its last word. fresh: as of now.

        Raises UnlistedError: it has had no time to say one; its next round brings the list.
        """
        now = time.monotonic()
        if now - self._taken > (SOON_S if fresh else FRESH_S):
            self._wanted = True
            if now - self._turned < TURNING_S:
                with self._told:
                    self._told.wait_for(lambda: self._taken >= now, WAIT_S if self._is_listed else FIRST_S)
        if not self._is_listed:
            raise UnlistedError
        with self._making:
            rosters, fleet = self._fleet
            if rosters is not self._rosters:
                rosters = self._rosters
                fleet = Fleet(rosters, fleet)
                self._fleet = rosters, fleet
            return fleet
