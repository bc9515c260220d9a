"""The loop: poll, step, commit, fold. The only room that knows both a stream and the detector.

`Worker.turn` is the numbered protocol. A kill at any instant leaves the alerts byte-equal to those of a run that nobody
killed: before the commit nothing is visible, after it everything is, and what memory held is computed again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from heapq import nsmallest
from threading import Event

from service.errors import DataRuleError, UnavailableError
from service.records import Records
from service.streams.port import Assigned, Lost, Poll, Revoked, Stream
from service.worker.crashpoints import CrashPoints
from service.worker.engine import Engine
from service.worker.observer import Observer, Silent
from service.worker.patience import Patience
from service.worker.publish import Origin
from service.worker.restore import Restored, Slices, Source, restore
from service.worker.settings import WorkerSettings
from service.worker.staging import Running, Staged, Stager, Step, journal_keys, settle, tick_step

MANY = 64  # partitions for which one snapshot a turn would do: ten turns a second make 300 in half a minute
GOLDEN = 0.6180339887  # multiples of it, modulo 1, lie evenly however many partitions there are


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Surroundings:
    """Everything of the outside that is neither stream nor detector; tests and the demo put their own in."""

    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], int] = wall_clock_ms  # ms, in the time base of the log's arrivals
    wall_ms: Callable[[], int] = wall_clock_ms  # for headers alone
    monotonic: Callable[[], float] = time.monotonic
    origin: Origin = field(default_factory=Origin)
    crash: CrashPoints = field(default_factory=CrashPoints)


@dataclass
class Restoring:
    slices: Slices
    since: float  # monotonic


class Worker:
    def __init__(
        self, stream: Stream, engine: Engine, settings: WorkerSettings, around: Surroundings | None = None
    ) -> None:
        self._stream = stream
        self._engine = engine
        self._settings = settings
        self._around = around or Surroundings()
        self._observer = self._around.observer
        origin = self._around.origin
        fingerprint = sha256(f"{engine.detector.fingerprint()}\n{origin.readings}".encode()).hexdigest()
        self._stager = Stager(engine.detector, replace(origin, model=origin.model or fingerprint), fingerprint,
                              self._around.wall_ms)  # fmt: skip
        self._source = Source(stream, engine, fingerprint, settings.on_data_loss == "resume")
        self._running: dict[int, Running] = {}
        self._restoring: dict[int, Restoring] = {}
        self._patience = Patience(settings, self._around.monotonic)

    @property
    def ready(self) -> bool:
        """Some partition is assigned, and all that are have been restored."""
        return bool(self._running) and not self._restoring

    def run(self, stop: Event) -> None:
        """Turn until told to stop, then leave a snapshot of everything. Closes the stream however it ends."""
        try:
            while not stop.is_set():
                try:
                    self.turn()
                    self._patience.renew()
                except UnavailableError as error:
                    self._rewind()
                    wait_s = self._patience.next_wait(error)
                    self._observer.unavailable(str(error), wait_s)
                    stop.wait(wait_s)
            self._leave(self._running.keys())
        finally:
            self._stream.close()

    def turn(self) -> None:
        """One round. Raises UnavailableError with nothing written and nothing folded: rewind, and turn again."""
        reach = self._around.crash.reach
        # 1. Poll, then events before records: a partition that has just left gives nothing more, one that has just
        #    come is restored first.
        poll = self._stream.poll(0.0 if self._restoring else self._settings.poll_s, self._settings.max_records)
        self._apply(poll.events)
        self._check_ends(poll)
        batches = [records for records in poll.records if records.partition in self._running]
        self._count(batches)
        reach("polled")
        # 2. Step on overlays. Nothing that outlives this turn has changed yet.
        steps = [*self._stepped(batches), *self._ticks(poll, batches)]
        reach("stepped")
        # 3. One transaction: alerts, ledger, dead letters, journal, offsets. 5. And the snapshots that are due.
        staged = self._stager.staged(steps, self._due(), self._running)
        # 4. Fold only what is committed.
        self._commit(staged)
        # 6. Restore by slices between two polls, so the partitions that run go on.
        self._restore()
        self._tell_lag(poll)
        self._observer.turned()

    def _apply(self, events: Iterable[Assigned | Revoked | Lost]) -> None:
        for event in events:
            if isinstance(event, Assigned):
                self._start(event.partition)
                continue
            if isinstance(event, Revoked):
                self._leave(self._running.keys() & {event.partition})
            self._drop(event.partition)

    def _check_ends(self, poll: Poll) -> None:
        for partition in poll.ends.keys() & self._running.keys():
            if poll.ends[partition] < (position := self._running[partition].position):
                raise DataRuleError(
                    f"partition {partition}: its log ends at offset {poll.ends[partition]}, before the committed "
                    f"offset {position}; the log was made anew or cut: reset the offsets, or name another log"
                )

    def _start(self, partition: int) -> None:
        self._observer.restoring(partition)
        self._restoring[partition] = Restoring(restore(self._source, partition), self._around.monotonic())

    def _drop(self, partition: int) -> None:
        self._running.pop(partition, None)
        self._restoring.pop(partition, None)
        self._engine.detector.drop(partition)
        self._observer.dropped(partition)

    def _count(self, batches: list[Records]) -> None:
        count = sum(map(len, batches))
        self._around.crash.records += count
        self._observer.polled(count)

    def _stepped(self, batches: list[Records]) -> list[Step]:
        started = self._around.monotonic()
        steps = []
        for records in batches:
            readings, outcome = self._engine.step(records)
            steps.append(Step(records.partition, outcome, records.offsets[-1] + 1, 0, records, readings))
        if steps:
            self._observer.stepped(self._around.monotonic() - started, sum(map(len, batches)))
        return steps

    def _ticks(self, poll: Poll, batches: list[Records]) -> Iterator[Step]:
        """Journalled time for partitions where nothing comes: devices that fell silent together are still found."""
        now = self._around.clock()
        idle = poll.caught_up & self._running.keys() - {records.partition for records in batches}
        for partition in sorted(idle):
            running = self._running[partition]
            # A partition that never had a reading has no device to miss.
            if running.position and now - running.heard >= self._settings.idle_tick_s * 1000:
                yield tick_step(self._engine.detector, running, now)

    def _due(self) -> list[int]:
        """Those that wait longest for their snapshot, few a turn so that no commit gets long."""
        now = self._around.monotonic()
        due = [r for r in self._running.values() if r.unsaved and (r.records >= r.due_records or now >= r.due_at)]
        few = 1 + len(self._running) // MANY
        return [running.partition for running in nsmallest(few, due, key=lambda running: running.due_at)]

    def _commit(self, staged: Staged) -> None:
        if not staged.transaction.offsets:
            return  # nothing was read and nothing is due: an empty transaction would promise nothing
        reach = self._around.crash.reach
        started = self._around.monotonic()
        self._stream.commit(staged.transaction)
        reach("committed")
        ended = self._around.monotonic()
        settle(staged, self._running, self._engine.detector, self._around.clock())
        for snapshot in staged.snapshots:
            running = self._running[snapshot.partition]
            running.due_records = self._settings.snapshot_records
            running.due_at = ended + self._settings.snapshot_s
        reach("folded")
        if staged.snapshots:
            reach("snapshot")
        self._tell(staged, ended - started)

    def _restore(self) -> None:
        """One slice of every partition that is coming back."""
        for partition, restoring in list(self._restoring.items()):
            try:
                next(restoring.slices)
                self._around.crash.reach("replayed")
            except StopIteration as done:
                del self._restoring[partition]
                self._resume(done.value, restoring.since)

    def _resume(self, restored: Restored, since: float) -> None:
        now = self._around.monotonic()
        share = 0.5 + 0.5 * (restored.partition * GOLDEN % 1)  # staggered: partitions that start together part at once
        self._running[restored.partition] = Running(
            partition=restored.partition,
            position=restored.position,
            sequence=restored.sequence,
            pages=restored.pages,
            marker=restored.marker,
            entries=journal_keys(restored),
            adoption=restored.adoption,
            records=restored.replayed,
            due_records=int(self._settings.snapshot_records * share),
            due_at=now + self._settings.snapshot_s * share,
            heard=self._around.clock(),
        )
        self._stream.seek(restored.partition, restored.position)
        self._around.crash.reach("restored")
        if restored.lost:
            self._observer.lost_records(restored.partition, restored.lost)
        self._observer.restored(restored.partition, restored.result, restored.replayed, now - since)
        self._observer.summary(restored.partition, self._engine.detector.summary(restored.partition))

    def _leave(self, partitions: Iterable[int]) -> None:
        """A last snapshot, so the next owner has nothing to replay; without it that one is as exact, but slower."""
        leaving = {partition: self._running[partition] for partition in partitions}
        unsaved = [partition for partition, running in leaving.items() if running.unsaved]
        try:
            self._commit(self._stager.staged([], unsaved, leaving))
        except UnavailableError as error:
            self._observer.unavailable(str(error), 0.0)

    def _rewind(self) -> None:
        """Back to the last commit: overlays are already gone, so reading again from there is all it takes."""
        for partition, running in self._running.items():
            self._stream.seek(partition, running.position)
        for partition in list(self._restoring):
            self._start(partition)

    def _tell(self, staged: Staged, seconds: float) -> None:
        self._observer.committed(seconds, sum(len(step.records or ()) for step in staged.steps))
        for adoption in staged.adoptions:
            self._observer.alerts(adoption.alerts)
        for step in staged.steps:
            self._tell_step(step)
        for snapshot in staged.snapshots:
            self._observer.snapshot(snapshot.partition, snapshot.written, snapshot.size)
            self._observer.summary(snapshot.partition, self._engine.detector.summary(snapshot.partition))

    def _tell_step(self, step: Step) -> None:
        counts, reasons = Counter(step.outcome.counts), Counter(reject.reason for reject in step.outcome.rejects)
        if step.readings:
            counts.update(step.readings.counts)
            reasons.update(reject.reason for reject in step.readings.rejects)
        self._observer.readings(step.partition, counts)
        self._observer.alerts(step.outcome.alerts)
        self._observer.dead_letters(reasons)
        if step.entry:
            self._observer.ticked(step.partition)

    def _tell_lag(self, poll: Poll) -> None:
        for partition in poll.ends.keys() & self._running.keys():
            running = self._running[partition]
            self._observer.lag(partition, poll.ends[partition] - running.position, running.arrival)
