"""Bring one partition back to its last commit: pages of the snapshot, then the input since, its output suppressed.

`restore` is a generator that stops after every slice of work, so the loop goes on polling. It writes nothing; what has
to be written (a cold start, another model, lost data) is handed over as an `Adoption`, which the worker commits with a
snapshot before anything else of the partition.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from service.errors import DataRuleError
from service.records import AlertRecord, Records
from service.streams.port import Committed, StateRecord, Stream
from service.worker import breaker, journal, ledger
from service.worker.breaker import Breaker, Rules, Trip
from service.worker.engine import Engine
from service.worker.journal import Entry
from service.worker.marker import KEY, Marker, Pages
from service.worker.observer import RestoreResult

SLICE = 8192  # records stepped, or state records read, between two polls


@dataclass
class Adoption:
    """What the next transaction must say before the partition goes on; it always carries a full snapshot."""

    alerts: list[AlertRecord]  # ends of alerts whose state is gone
    state: list[StateRecord]  # the ledger as it is from now on


@dataclass
class Restored:
    partition: int
    position: int  # the next record to read
    pages: Pages
    entries: list[Entry]  # of the journal, since the snapshot
    marker: Marker | None  # None: there is no snapshot that counts
    result: RestoreResult
    replayed: int = 0
    lost: int = 0  # records of the input that nobody has read and nobody will
    breaker: Breaker = field(default_factory=Breaker)
    resumed: Trip | None = None  # that the configuration tells to go on from
    adoption: Adoption | None = None

    @property
    def sequence(self) -> int:
        """Of the next journal entry at this position."""
        here = [entry.sequence + 1 for entry in self.entries if entry.offset == self.position]
        if self.marker and self.marker.offset == self.position:
            here.append(self.marker.sequence)
        return max(here, default=0)


@dataclass(frozen=True)
class Source:
    """Where a restore reads from, and what it must find."""

    stream: Stream
    engine: Engine
    fingerprint: str
    resume: bool  # on data loss: go on and say so, rather than stop
    breaker: Rules | None  # None: it is off


@dataclass
class Kept:
    """A partition as the last commit left it."""

    partition: int
    committed: Committed | None
    log_start: int
    pages: dict[str, bytes] = field(default_factory=dict)
    alerts: dict[str, bytes] = field(default_factory=dict)
    journal: dict[str, bytes] = field(default_factory=dict)
    markers: dict[str, bytes] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=Breaker)

    def take(self, record: StateRecord) -> None:
        of = self._of(record.key)
        if record.value is None:
            of.pop(record.key, None)
        else:
            of[record.key] = record.value

    def _of(self, key: str) -> dict[str, bytes]:
        if key == KEY:
            return self.markers
        if key.startswith(ledger.PREFIX):
            return self.alerts
        return self.journal if key.startswith(journal.PREFIX) else self.pages

    @cached_property
    def checksums(self) -> Pages:
        """Of all pages; asked for once everything was taken."""
        return Pages(self.pages.items())

    @property
    def entries(self) -> list[Entry]:
        return sorted(map(journal.parse, self.journal.values()))

    @property
    def next_offset(self) -> int:
        """Where reading can go on."""
        return max(self.log_start, self.committed.offset if self.committed else 0)

    @property
    def marker(self) -> Marker | None:
        return Marker.parse(self.committed.metadata) if self.committed else None

    def damage(self) -> str:
        """What is wrong with the state, or nothing."""
        written = self.markers.get(KEY, b"").decode("utf-8", "replace")
        if self.committed is None:
            return "there is state, but the committed offset is gone" if written else ""
        if self.committed.metadata and (not self.marker or self.committed.metadata != written):
            return "the marker among the state is not the one that was committed with the offset"
        found = self.checksums
        if self.marker and (len(found), found.checksum) != (self.marker.pages, self.marker.checksum):
            return f"the snapshot had {self.marker.pages} pages, the state has {len(found)} or other bytes in them"
        return ""

    def hole(self) -> str:
        """What is missing of the input, or nothing."""
        if self.committed is None or self.log_start <= (self.marker or self.committed).offset:
            return ""
        snapshot = self.marker.offset if self.marker else "none"
        return (
            f"its log starts at offset {self.log_start}, the snapshot stands at {snapshot}, "
            f"the committed offset at {self.committed.offset}: readings between are gone"
        )


Slices = Generator[None, None, Restored]


def restore(source: Source, partition: int) -> Slices:
    """Yields after every slice of work. Raises DataRuleError (65) where data is gone, GruardError (70) on a defect."""
    kept = Kept(partition, source.stream.committed(partition), source.stream.log_start(partition))
    for number, record in enumerate(source.stream.state(partition), 1):
        kept.take(record)
        if number % SLICE == 0:
            yield
    damage, hole = kept.damage(), kept.hole()
    if (damage or hole) and not source.resume:
        raise DataRuleError(_stopped(source, partition, damage or hole))
    detector = source.engine.detector
    detector.open(partition)
    if damage or kept.marker is None:
        return _anew(source, kept, "lost" if damage or hole else "cold")
    changed = kept.marker.fingerprint != source.fingerprint
    try:
        kept.breaker = Breaker.parse(kept.pages[breaker.KEY]) if breaker.KEY in kept.pages else Breaker()
        detector.load(partition, ((key, value) for key, value in kept.pages.items() if key != breaker.KEY))
    except DataRuleError as error:
        if not changed and not source.resume:
            raise DataRuleError(_stopped(source, partition, str(error))) from error
        return _anew(source, kept, "reset" if changed else "lost")
    if hole:
        return _adopted(source, kept, "lost")
    replayed = 0
    for item in _since(source, kept, kept.marker):
        replayed += _replay(source, kept, item)
        yield
    if changed:
        return _adopted(source, kept, "inexact" if replayed or kept.journal else "migrated", replayed)
    ledger.check(partition, kept.alerts, detector.open_alerts(partition))
    return _restored(source, kept, "exact", replayed)


def _replay(source: Source, kept: Kept, item: Records | Entry) -> int:
    """How many records it was. What it puts out was published then, and what had tripped the breaker is a snapshot."""
    engine = source.engine
    if isinstance(item, Entry):
        engine.detector.fold(engine.apply(kept.partition, item))
        return 0
    readings, outcome = engine.step(item)
    engine.detector.fold(outcome)
    if source.breaker:
        kept.breaker = kept.breaker.after(readings, source.breaker, judging=False)
    return len(item)


def _since(source: Source, kept: Kept, snapshot: Marker) -> Iterator[Records | Entry]:
    stop = kept.next_offset
    batches = source.stream.replay(kept.partition, snapshot.offset, stop, SLICE)
    return journal.interleaved(batches, kept.entries)


def _anew(source: Source, kept: Kept, result: RestoreResult) -> Restored:
    """An empty partition, from where reading can go on."""
    source.engine.detector.open(kept.partition)
    return _adopted(source, kept, result)


def _adopted(source: Source, kept: Kept, result: RestoreResult, replayed: int = 0) -> Restored:
    detector = source.engine.detector
    recomputed = detector.open_alerts(kept.partition)
    otherwise = {name for name, value in recomputed.items() if kept.alerts.get(name) != value}
    detector.forget_alerts(kept.partition, otherwise)  # what was published of them went another way
    recomputed = {name: value for name, value in recomputed.items() if name not in otherwise}
    restored = _restored(source, kept, result, replayed)
    changes = ledger.reconciled(kept.alerts, recomputed)
    over = [ledger.lost(restored.position, kept.alerts[name]) for name, value in changes.items() if value is None]
    restored.adoption = Adoption(over, ledger.records(kept.partition, changes))
    return restored


def _restored(source: Source, kept: Kept, result: RestoreResult, replayed: int) -> Restored:
    lost = kept.next_offset - kept.committed.offset if kept.committed else 0
    restored = Restored(
        kept.partition, kept.next_offset, kept.checksums, kept.entries, kept.marker, result, replayed, lost
    )  # fmt: skip
    if source.breaker:
        restored.breaker = kept.breaker
    else:
        restored.resumed = kept.breaker.trip
    return restored


def _stopped(source: Source, partition: int, what: str) -> str:
    topic, own = source.stream.place(partition)
    return (
        f"{topic} partition {own}: {what}; worker.on_data_loss: resume goes on without it, "
        "counts what is lost and closes the alerts that were open"
    )
