"""Which partitions are ours, and how each stands: restoring, running, or parked while nobody knows if it comes back.

A parked partition costs memory and saves a restore: where it returns untouched it runs on with what it holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.errors import UnavailableError
from service.streams.port import Assigned, Committed, Lost, Revoked
from service.worker import breaker
from service.worker.observer import Observer
from service.worker.restore import Restored, Slices, Source, restore
from service.worker.settings import WorkerSettings
from service.worker.staging import Running, journal_keys

GOLDEN = 0.6180339887  # multiples of it, modulo 1, lie evenly however many partitions there are


@dataclass
class Restoring:
    slices: Slices
    since: float  # monotonic


@dataclass(frozen=True)
class Clocks:
    log_ms: Callable[[], int]
    monotonic: Callable[[], float]


class Assignment:
    def __init__(self, source: Source, settings: WorkerSettings, observer: Observer, clocks: Clocks) -> None:
        self._source, self._settings, self._observer, self._clocks = source, settings, observer, clocks
        self.running: dict[int, Running] = {}
        self.restoring: dict[int, Restoring] = {}  # in the order in which they came; the first one is at work
        self.parked: dict[int, Running] = {}

    @property
    def ready(self) -> bool:
        """Some partition runs, and nothing that is ours stands still."""
        return bool(self.running) and not self.restoring and not any(r.breaker.trip for r in self.running.values())

    def apply(self, event: Assigned | Revoked | Lost) -> None:
        """Never raises for a stream that refuses: an event is told once."""
        partition = event.partition
        if isinstance(event, Revoked) and partition in self.running:
            self.parked[partition] = self.running.pop(partition)
            self._observer.parked(partition)
        elif isinstance(event, Assigned) and partition in self.parked:
            self._come_back(self.parked.pop(partition))
        elif isinstance(event, Assigned):
            self.start(partition)
        else:
            self._drop(partition)

    def start(self, partition: int) -> None:
        """Restore it, whatever was here of it before."""
        self.running.pop(partition, None)
        if before := self.restoring.pop(partition, None):
            before.slices.close()
        self._observer.restoring(partition)
        self.restoring[partition] = Restoring(restore(self._source, partition), self._clocks.monotonic())

    def _drop(self, partition: int) -> None:
        self.running.pop(partition, None)
        self.parked.pop(partition, None)
        if before := self.restoring.pop(partition, None):
            before.slices.close()
        self._source.engine.detector.drop(partition)
        self._observer.dropped(partition)

    def _come_back(self, running: Running) -> None:
        if not self._untouched(running):
            self._source.engine.detector.drop(running.partition)
            self.start(running.partition)
            return
        self._observer.restoring(running.partition)
        running.heard = self._clocks.log_ms()
        self._run(running)
        self._observer.restored(running.partition, "exact", 0, 0.0)
        self._tell_breaker(running)

    def _untouched(self, running: Running) -> bool:
        """What we hold of it is what its last commit left."""
        stream, partition = self._source.stream, running.partition
        try:
            ours = Committed(running.position, running.marker.text() if running.marker else "")
            return stream.untouched(partition) and stream.committed(partition) == ours
        except UnavailableError:
            return False  # a restore asks again, with patience

    def rewind(self) -> None:
        """Back to the last commit: overlays are already gone, so reading again from there is all it takes."""
        for running in self.running.values():
            self._run(running)

    def again(self) -> None:
        """Every restore from its beginning: the one at work may have ended with the error."""
        for partition in list(self.restoring):
            self.start(partition)

    def doubt(self) -> None:
        """Restore everything that runs: nobody knows whether its last commit took place."""
        for partition in list(self.running):
            self._drop(partition)
            self.start(partition)

    def restore(self) -> Restored | None:
        """One slice of the first that is coming back, so those that run go on; it, once it runs."""
        for partition, restoring in self.restoring.items():
            try:
                next(restoring.slices)
                return None
            except StopIteration as done:
                del self.restoring[partition]
                self._resume(done.value, restoring.since)
                restored: Restored = done.value
                return restored
        return None

    def _resume(self, restored: Restored, since: float) -> None:
        now = self._clocks.monotonic()
        share = 0.5 + 0.5 * (restored.partition * GOLDEN % 1)  # staggered: partitions that start together part at once
        running = Running(
            partition=restored.partition,
            position=restored.position,
            sequence=restored.sequence,
            pages=restored.pages,
            marker=restored.marker,
            entries=journal_keys(restored),
            adoption=restored.adoption,
            breaker=restored.breaker,
            resumed=restored.resumed,
            records=restored.replayed,
            due_records=int(self._settings.snapshot_records * share),
            due_at=now + self._settings.snapshot_s * share,
            heard=self._clocks.log_ms(),
        )
        self._run(running)
        if restored.lost:
            self._observer.lost_records(restored.partition, restored.lost)
        self._observer.restored(restored.partition, restored.result, restored.replayed, now - since)
        self._observer.summary(restored.partition, self._source.engine.detector.summary(restored.partition))
        self._tell_breaker(running)

    def _run(self, running: Running) -> None:
        self.running[running.partition] = running
        if running.breaker.trip:
            self._source.stream.pause(running.partition)
        else:
            self._source.stream.seek(running.partition, running.position)

    def trip(self, running: Running) -> None:
        """After the commit that says so."""
        self._source.stream.pause(running.partition)
        self._tell_breaker(running)

    def _tell_breaker(self, running: Running) -> None:
        if trip := running.breaker.trip:
            place = self._source.stream.place(running.partition)
            self._observer.tripped(running.partition, breaker.told(trip, place))
