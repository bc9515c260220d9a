"""The loop: poll, step, commit, fold. The only room that knows both a stream and the detector.

`Worker.turn` is the numbered protocol. A kill at any instant leaves the alerts byte-equal to those of a run that nobody
killed: before the commit nothing is visible, after it everything is, and what memory held is computed again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from heapq import nsmallest
from threading import Event

from service.errors import DataRuleError, FencedError, StalledError, UnavailableError
from service.records import Records
from service.streams.port import Assigned, Lost, Poll, Revoked, Stream, SupersededError, UncertainError
from service.worker.alarm import Alarm
from service.worker.assignment import Assignment, Clocks
from service.worker.breaker import Rules
from service.worker.crashpoints import CrashPoints
from service.worker.engine import Engine
from service.worker.observer import Observer, Silent
from service.worker.patience import Patience
from service.worker.publish import Origin
from service.worker.restore import Source
from service.worker.settings import WorkerSettings
from service.worker.staging import Running, Staged, Stager, Step, records_step, settle, tick_step

MANY = 64  # partitions for which one snapshot a turn would do: ten turns a second make 300 in half a minute
AT_ONCE_S = 0.1  # partitions that are back after one slice follow each other for so long between two polls


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


class Worker:
    def __init__(
        self, stream: Stream, engine: Engine, settings: WorkerSettings, around: Surroundings | None = None
    ) -> None:
        self._stream, self._engine, self._settings = stream, engine, settings
        self._around = around = around or Surroundings()
        self._observer, origin = around.observer, around.origin
        engine.detector.locate(stream.place)
        made_of = engine.detector.fingerprint(), origin.readings, stream.place(0)[0]  # topics show in alerts
        fingerprint = sha256("\n".join(made_of).encode()).hexdigest()
        origin = replace(origin, model=origin.model or fingerprint, place=stream.place)
        self._stager = Stager(engine.detector, origin, fingerprint, around.wall_ms)
        self._rules = Rules.of(settings)
        source = Source(stream, engine, fingerprint, settings.on_data_loss == "resume", self._rules)
        self._assignment = Assignment(source, settings, self._observer, Clocks(around.clock, around.monotonic))
        self._patience = Patience(settings, around.monotonic)
        self._alarm = Alarm(settings.progress_s, around.monotonic)

    @property
    def ready(self) -> bool:
        return self._assignment.ready

    @property
    def _running(self) -> dict[int, Running]:
        return self._assignment.running

    def run(self, stop: Event) -> None:
        """Turn until told to stop, then leave a snapshot of everything. Closes the stream however it ends."""
        refused = False
        try:
            while not stop.is_set():
                refused = self._refused(stop)
            if not refused:  # else the last snapshot would only be refused as well, and the stop would wait for it
                self._leave(self._running.keys())
        except FencedError as error:
            self._observer.fenced(str(error))
            raise
        except StalledError as error:
            self._observer.stalled(str(error))
            raise
        finally:
            self._stream.close()

    def _refused(self, stop: Event) -> bool:
        """One turn, and what has to be done when the stream refused it, the waiting included."""
        try:
            self.turn()
            self._patience.renew()
            return False
        except SupersededError as error:
            self._observer.superseded(str(error))
            self._assignment.rewind()
            return False
        except UncertainError as error:
            wait_s = self._patience.next_wait(error)
            self._observer.uncertain(str(error), wait_s)
            self._assignment.doubt()
        except UnavailableError as error:
            wait_s = self._patience.next_wait(error)
            self._observer.unavailable(str(error), wait_s)
            self._assignment.rewind()
        self._assignment.again()
        self._alarm.forget()
        stop.wait(wait_s)
        return True

    def turn(self) -> None:
        """One round. Raises UnavailableError with nothing written and nothing folded: rewind, and turn again."""
        # 1. Poll. Events come alone: a partition that has just left gives nothing more, one that has just come is
        #    restored first, and only a leaving one may still commit as the member that we were.
        poll = self._stream.poll(
            0.0 if self._assignment.restoring else self._settings.poll_s, self._settings.max_records
        )
        if poll.events:
            self._change(poll.events)
        else:
            self._work(poll)
        # 6. Restore by slices between two polls, so the partitions that run go on.
        self._restore()
        self._observer.turned()

    def _work(self, poll: Poll) -> None:
        reach, began = self._around.crash.reach, self._around.monotonic()
        self._check_ends(poll)
        batches = [records for records in poll.records if self._reads(records.partition)]
        self._count(batches)
        reach("polled")
        # 2. Step on overlays. Nothing that outlives this turn has changed yet.
        steps = [*self._stepped(batches), *self._ticks(poll, batches)]
        reach("stepped")
        # 3. One transaction: alerts, ledger, dead letters, journal, offsets. 5. And the snapshots that are due.
        staged = self._stager.staged(steps, self._due(), self._running)
        # 4. Fold only what is committed.
        self._commit(staged)
        if batches:
            self._observer.finished(self._around.monotonic() - began, sum(map(len, batches)))
        self._tell_lag(poll)

    def _change(self, events: Sequence[Assigned | Revoked | Lost]) -> None:
        revoked = {event.partition for event in events if isinstance(event, Revoked)}
        self._leave(self._running.keys() & revoked)
        for event in events:
            self._assignment.apply(event)
        self._observer.rebalanced()

    def _reads(self, partition: int) -> bool:
        return partition in self._running and self._running[partition].breaker.trip is None

    def _check_ends(self, poll: Poll) -> None:
        for partition in poll.ends.keys() & self._running.keys():
            if poll.ends[partition] < (position := self._running[partition].position):
                topic, own = self._stream.place(partition)
                raise DataRuleError(
                    f"{topic} partition {own}: its log ends at offset {poll.ends[partition]}, before the committed "
                    f"offset {position}; the log was made anew or cut: reset the offsets, or name another log"
                )

    def _count(self, batches: list[Records]) -> None:
        count = sum(map(len, batches))
        self._around.crash.records += count
        self._observer.polled(count)

    def _stepped(self, batches: list[Records]) -> list[Step]:
        started = self._around.monotonic()
        steps = [records_step(self._engine, self._running[r.partition], r, self._rules) for r in batches]
        if steps:
            self._observer.stepped(self._around.monotonic() - started, sum(map(len, batches)))
        return steps

    def _ticks(self, poll: Poll, batches: list[Records]) -> Iterator[Step]:
        """Journalled time for partitions where nothing comes: devices that fell silent together are still found."""
        now = self._around.clock()
        idle = poll.caught_up & self._running.keys() - {records.partition for records in batches}
        for partition in sorted(filter(self._reads, idle)):
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
        now_ms = self._around.clock()
        settle(staged, self._running, self._engine.detector, now_ms)
        for snapshot in staged.snapshots:
            running = self._running[snapshot.partition]
            running.due_records = self._settings.snapshot_records
            running.due_at = ended + self._settings.snapshot_s
        reach("folded")
        if staged.snapshots:
            reach("snapshot")
        self._tell(staged, ended - started, now_ms)

    def _restore(self) -> None:
        ends = self._around.monotonic() + AT_ONCE_S
        while self._assignment.restoring:
            if not self._assignment.restore():
                self._around.crash.reach("replayed")
                return
            self._around.crash.reach("restored")
            if self._around.monotonic() >= ends:
                return

    def _leave(self, partitions: Iterable[int]) -> None:
        """A last snapshot, so the next owner has nothing to replay; without it that one is as exact, but slower."""
        leaving = {partition: self._running[partition] for partition in partitions}
        unsaved = [partition for partition, running in leaving.items() if running.unsaved]
        try:
            self._commit(self._stager.staged([], unsaved, leaving))
        except (SupersededError, UncertainError) as error:
            self._observer.superseded(str(error))  # who comes back looks for what was committed
        except UnavailableError as error:
            self._observer.unavailable(str(error), 0.0)

    def _tell(self, staged: Staged, seconds: float, now_ms: int) -> None:
        self._observer.committed(seconds, sum(len(step.records or ()) for step in staged.steps))
        for partition, adoption in staged.adoptions.items():
            self._observer.alerts(partition, adoption.alerts)
        for partition, trip in staged.resumed.items():
            self._observer.resumed(partition, trip.offset)
        for step in staged.steps:
            self._tell_step(step, now_ms)
        for snapshot in staged.snapshots:
            self._observer.snapshot(snapshot.partition, snapshot.written, snapshot.size)
            self._observer.summary(snapshot.partition, self._engine.detector.summary(snapshot.partition))

    def _tell_step(self, step: Step, now_ms: int) -> None:
        counts, reasons = Counter(step.outcome.counts), Counter(reject.reason for reject in step.outcome.rejects)
        if step.readings:
            counts.update(step.readings.counts)
            reasons.update(reject.reason for reject in step.readings.rejects)
            self._observer.waited((now_ms - step.readings.times) / 1000, (now_ms - step.readings.arrivals) / 1000)
        self._observer.readings(step.partition, counts)
        self._observer.alerts(step.partition, step.outcome.alerts)
        self._observer.dead_letters(reasons)
        self._observer.measured(step.outcome.measured)
        if step.entry:
            self._observer.ticked(step.partition)
        if step.breaker and step.breaker.trip:
            self._assignment.trip(self._running[step.partition])

    def _tell_lag(self, poll: Poll) -> None:
        behind = {}
        for partition in poll.ends.keys() & self._running.keys():
            running = self._running[partition]
            lag = poll.ends[partition] - running.position
            self._observer.lag(partition, lag, running.arrival)
            if lag > 0 and partition not in poll.caught_up and self._reads(partition):
                behind[partition] = running.position
        self._alarm.look(behind)
