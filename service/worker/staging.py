"""What one transaction carries: the outputs of steps, ends of lost alerts, the ledger, the journal, snapshots, offsets.

Nothing here is applied and nothing written; a transaction that fails is dropped together with its `Staged`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from service.detector import Detector
from service.records import Outcome, Readings, Records
from service.streams.port import Committed, StateRecord, Transaction
from service.worker import breaker, journal, ledger, publish
from service.worker.breaker import Breaker, Rules, Trip
from service.worker.engine import Engine
from service.worker.journal import Entry
from service.worker.marker import KEY, Marker, Pages
from service.worker.publish import Origin
from service.worker.restore import Adoption, Restored


@dataclass
class Running:
    """A restored partition, as of its last commit."""

    partition: int
    position: int  # the committed offset C: the next record to read
    sequence: int  # of the next journal entry at this position
    pages: Pages
    marker: Marker | None
    entries: list[str]  # keys of the journal that the state holds
    adoption: Adoption | None
    breaker: Breaker
    resumed: Trip | None  # that this worker goes on from, not yet written down
    records: int  # since the snapshot
    due_records: int  # so many of them make the next snapshot due ...
    due_at: float  # ... or this monotonic time
    heard: int  # log time of its last record, tick or restore
    arrival: int | None = None  # of its last record

    @property
    def unsaved(self) -> bool:
        return bool(self.records or self.entries or self.must_save)

    @property
    def must_save(self) -> bool:
        """Nothing of it is committed without a snapshot: a replay could not find out what it says."""
        return bool(self.adoption or self.resumed)


@dataclass
class Step:
    """One outcome that waits for its commit: of records, or of an idle tick."""

    partition: int
    outcome: Outcome
    position: int  # after it
    sequence: int  # after it
    records: Records | None = None
    readings: Readings | None = None
    breaker: Breaker | None = None  # after it
    entry: Entry | None = None


@dataclass
class Snapshot:
    partition: int
    marker: Marker
    pages: Pages
    written: int  # pages
    size: int  # bytes


@dataclass
class Staged:
    transaction: Transaction = field(default_factory=Transaction)
    steps: list[Step] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    adoptions: dict[int, Adoption] = field(default_factory=dict)
    resumed: dict[int, Trip] = field(default_factory=dict)


@dataclass(frozen=True)
class Stager:
    detector: Detector
    origin: Origin
    fingerprint: str
    wall_ms: Callable[[], int]  # for headers alone

    def staged(self, steps: list[Step], saved: Iterable[int], running: dict[int, Running]) -> Staged:
        """saved: partitions whose snapshot this transaction carries, beside those that must."""
        staged = Staged(steps=steps)
        stepped = {step.partition: step for step in steps}
        tripped = [step.partition for step in steps if step.breaker and step.breaker.trip]
        snapshots = sorted({*saved, *tripped, *(p for p, state in running.items() if state.must_save)})
        staged.resumed = {p: state.resumed for p, state in running.items() if state.resumed}
        for state in running.values():
            self._adopt(staged, state)
        for step in steps:
            self._step(staged.transaction, step, journalled=step.partition not in snapshots)
        for partition in snapshots:
            self._snapshot(staged, running[partition], stepped.get(partition))
        self._offsets(staged, running)
        return staged

    def _adopt(self, staged: Staged, running: Running) -> None:
        if running.adoption is None:
            return
        staged.adoptions[running.partition] = running.adoption
        now = self.wall_ms()
        for record in running.adoption.alerts:
            staged.transaction.alerts.append(publish.alert(record, running.partition, self.origin, now))
        staged.transaction.state += running.adoption.state

    def _step(self, transaction: Transaction, step: Step, journalled: bool) -> None:
        now, partition = self.wall_ms(), step.partition
        alerts = step.outcome.alerts
        transaction.alerts += [publish.alert(record, partition, self.origin, now) for record in alerts]
        transaction.state += ledger.records(partition, ledger.changes(alerts))
        if step.records is not None and step.readings is not None:
            rejects = [*step.readings.rejects, *step.outcome.rejects]
            transaction.deadletters += publish.dead_letters(step.records, rejects, self.origin, now)
        if step.entry:
            transaction.control.append(step.entry.output(partition))
            transaction.state += [step.entry.state(partition)] if journalled else []

    def _snapshot(self, staged: Staged, running: Running, step: Step | None) -> None:
        """Pages as if the step were folded in, so S is the offset that this transaction commits."""
        partition = running.partition
        full = running.adoption is not None
        pages = dict(self.detector.pages(partition, step.outcome if step else None, full))
        pages[breaker.KEY] = ((step and step.breaker) or running.breaker).value()
        if full:
            pages |= dict.fromkeys(running.pages.beside(pages))
        after = running.pages.after(pages.items())
        at = step or running
        marker = Marker(at.position, at.sequence, len(after), after.checksum, self.fingerprint)
        records = [StateRecord(partition, key, value) for key, value in pages.items()]
        records += [StateRecord(partition, key, None) for key in running.entries]
        records.append(StateRecord(partition, KEY, marker.text().encode()))
        staged.transaction.state += records
        staged.transaction.needed[partition] = marker.offset
        size = sum(len(value) for value in pages.values() if value)
        staged.snapshots.append(Snapshot(partition, marker, after, len(pages), size))

    def _offsets(self, staged: Staged, running: dict[int, Running]) -> None:
        """Always, for every partition touched: an unchanged offset too is what a newer owner fences us by."""
        markers = {partition: state.marker for partition, state in running.items()}
        markers |= {snapshot.partition: snapshot.marker for snapshot in staged.snapshots}
        ends = {snapshot.partition: running[snapshot.partition].position for snapshot in staged.snapshots}
        ends |= {step.partition: step.position for step in staged.steps}
        for partition, position in ends.items():
            marker = markers[partition]
            assert marker, "a partition without a snapshot adopts one in its first transaction"
            staged.transaction.offsets[partition] = Committed(position, marker.text())


def settle(staged: Staged, running: dict[int, Running], detector: Detector, clock_ms: int) -> None:
    """After the commit: what was staged is so. Folds, marks pages clean, moves positions on."""
    for step in staged.steps:
        detector.fold(step.outcome)
        state = running[step.partition]
        state.position, state.sequence = step.position, step.sequence
        if step.records:
            state.records += len(step.records)
            state.arrival = step.records.arrivals[-1]
        state.breaker = step.breaker or state.breaker
        state.entries += [step.entry.key] if step.entry else []
        state.heard = clock_ms
    for snapshot in staged.snapshots:
        detector.snapshot_committed(snapshot.partition)
        state = running[snapshot.partition]
        state.marker, state.pages = snapshot.marker, snapshot.pages
        state.entries, state.records, state.adoption, state.resumed = [], 0, None, None


def journal_keys(restored: Restored) -> list[str]:
    return [entry.key for entry in restored.entries]


def records_step(engine: Engine, running: Running, records: Records, rules: Rules | None) -> Step:
    """Of all the records, or of those up to the one that trips the breaker."""
    readings = engine.decoder.decode(records)
    after = running.breaker.after(readings, rules) if rules else running.breaker
    if after.trip:
        records = records.cut(0, bisect_left(records.offsets, after.trip.offset) + 1)
        readings = engine.decoder.decode(records)
    outcome = engine.detector.step(readings)
    return Step(records.partition, outcome, records.offsets[-1] + 1, 0, records, readings, after)


def tick_step(detector: Detector, running: Running, time_ms: int) -> Step:
    entry = journal.tick(running.position, running.sequence, time_ms)
    outcome = detector.tick(running.partition, running.position, time_ms)
    return Step(running.partition, outcome, running.position, running.sequence + 1, entry=entry)
